import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ApiDocument, openApiProblems, publicOperations } from '../openapi-review.ts'

const json = (schema: object, example?: unknown) => ({
  content: { 'application/json': { schema, ...(example !== undefined && { example }) } },
})
const problem = {
  description: 'Refused.',
  content: { 'application/problem+json': { schema: { type: 'object' }, example: {} } },
}
const refusals = (...statuses: number[]) =>
  Object.fromEntries(statuses.map((status) => [status, { $ref: '#/components/responses/refused' }]))

/** A document without a fault: an operation with a key and a body, and a public one. */
function sound() {
  return {
    openapi: '3.1.0',
    info: { title: 'Test', version: '1' },
    tags: [{ name: 'Chairs', description: 'What people sit on.' }],
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      responses: { refused: problem },
      schemas: { Chair: { type: 'object', required: ['legs'], properties: { legs: { type: 'integer', minimum: 3 } } } },
    },
    paths: {
      '/chairs/{id}': {
        put: {
          operationId: 'putChair',
          summary: 'Put a chair',
          description: 'In the place of the one before.',
          tags: ['Chairs'],
          'x-rate-limit': [{ policy: 'default', per: 'key', capacity: 10, refillPerSecond: 1 }],
          security: [{ key: [] }],
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          requestBody: json({ $ref: '#/components/schemas/Chair' }, { legs: 4 }),
          responses: {
            200: { description: 'Done.', ...json({ $ref: '#/components/schemas/Chair' }, { legs: 4 }) },
            ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 500, 503),
          },
        },
        get: {
          operationId: 'seeChair',
          summary: 'See a chair',
          description: 'Also a broken one.',
          tags: ['Chairs'],
          'x-rate-limit': [{ policy: 'default', per: 'key', capacity: 10, refillPerSecond: 1 }],
          security: [],
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          responses: { 204: { description: 'It is there.' }, ...refusals(400, 429, 500, 503) },
        },
      },
    },
  }
}

const LISTED = publicOperations('# why\n\nGET /chairs/{id} — a chair is no secret\nGET /docs — is in no document\n')

/** The problems of the sound document after a change. */
function after(change: (document: ReturnType<typeof sound>) => unknown, listed = LISTED): readonly string[] {
  const document = sound()
  change(document)
  return openApiProblems(document as unknown as ApiDocument, listed)
}

describe('an OpenAPI document', () => {
  it('is good as long as nothing is missing', () => {
    assert.deepEqual(
      after(() => undefined),
      [],
    )
  })

  it('has to fit the meta-schema of OpenAPI 3.1', () => {
    const found = after(({ paths }) => Object.assign(paths['/chairs/{id}'].put, { sumary: 'x' }))
    assert.equal(found.length, 1)
    assert.match(found[0] ?? '', /put.*sumary/)
  })

  it('names, groups and describes every operation', () => {
    const found = after(({ paths }) =>
      Object.assign(paths['/chairs/{id}'].put, { operationId: undefined, summary: ' ', description: '', tags: [] }),
    )
    assert.deepEqual(found, [
      'PUT /chairs/{id}: it has no operationId',
      'PUT /chairs/{id}: it has no summary',
      'PUT /chairs/{id}: it has no description',
      'PUT /chairs/{id}: it has no tag',
    ])
    assert.deepEqual(
      after(({ paths }) => Object.assign(paths['/chairs/{id}'].put, { operationId: 'seeChair' }), new Set()).at(-1),
      'seeChair: it is public, and not on the list of public operations',
    )
  })

  it('says more of an operation than its summary does', () => {
    const found = after(({ paths }) => Object.assign(paths['/chairs/{id}'].put, { description: 'Put a  chair.' }))
    assert.deepEqual(found, ['putChair: its description only says its summary again'])
  })

  it('says of every tag what its operations have in common, once, and of no other one', () => {
    const tagged = (...tags: object[]) => after((document) => Object.assign(document, { tags }))
    const missing = 'the tag Chairs has no description: a room says it under `tags` of its manifest'
    assert.deepEqual(tagged(), [missing])
    assert.deepEqual(tagged({ name: 'Chairs', description: ' ' }), [missing])
    const chairs = { name: 'Chairs', description: 'What people sit on.' }
    assert.deepEqual(tagged(chairs, { name: 'Sofas', description: 'x' }), ['the tag Sofas is on no operation'])
    assert.deepEqual(tagged(chairs, chairs), ['the tag Chairs is described twice'])
  })

  it('lets nobody remove what has a version without taking If-Match', () => {
    const refused = (...parameters: string[]) =>
      after((document) => {
        const one = document.paths['/chairs/{id}']
        const named = (name: string) => ({ $ref: `#/components/parameters/${name}` })
        const shown = { in: 'header', schema: { type: 'string' } }
        const all = ['IfNoneMatch', 'IfMatch', 'IfMatchWhenSent'].map((name) => [name, { ...shown, name }])
        Object.assign(document.components, { parameters: Object.fromEntries(all) })
        one.get.parameters.push(named('IfNoneMatch') as never)
        const { requestBody: _, ...removal } = { ...one.put, operationId: 'removeChair', responses: one.get.responses }
        const guarded = { ...removal.responses, ...refusals(401, 403, 409) }
        const own = [...removal.parameters, ...parameters.map(named)]
        Object.assign(one, { delete: { ...removal, responses: guarded, parameters: own } })
      })
    assert.deepEqual(refused(), ['removeChair: it removes what has a version, and takes no If-Match: `updates`'])
    for (const taken of ['IfMatch', 'IfMatchWhenSent']) assert.deepEqual(refused(taken), [])
  })

  it('guards every operation, but for those on the list, and none of those', () => {
    assert.deepEqual(
      after(() => undefined, new Set()),
      ['seeChair: it is public, and not on the list of public operations'],
    )
    assert.deepEqual(
      after(() => undefined, new Set([...LISTED, 'PUT /chairs/{id}'])),
      ['putChair: it is listed as public, and needs credentials'],
    )
    assert.deepEqual(
      after(({ paths }) => Object.assign(paths['/chairs/{id}'].put, { security: undefined })),
      ['putChair: it does not say whether it needs credentials'],
    )
  })

  it('shows the limits of every operation', () => {
    const found = after(({ paths }) => {
      Object.assign(paths['/chairs/{id}'].put, { 'x-rate-limit': undefined })
      paths['/chairs/{id}'].get['x-rate-limit'] = []
    })
    const flaw = 'it shows no limit: x-rate-limit'
    assert.deepEqual(found, [`putChair: ${flaw}`, `seeChair: ${flaw}`])
  })

  it('declares the parameters of the path, and no others', () => {
    const found = after(({ paths }) => Object.assign(paths['/chairs/{id}'].get.parameters[0] ?? {}, { name: 'chair' }))
    assert.deepEqual(found, ['seeChair: the parameter {id} is not declared', 'seeChair: its path has no {chair}'])
  })

  it('documents the problems that such an operation has, as problem+json', () => {
    const missing = after(({ paths }) => {
      const responses: Record<string, unknown> = paths['/chairs/{id}'].put.responses
      paths['/chairs/{id}'].put.responses = Object.fromEntries(
        Object.entries(responses).filter(([status]) => status !== '409' && status !== '503'),
      ) as never
    })
    assert.deepEqual(missing, ['putChair: these problems are not documented: 409, 503'])
    const plain = after(({ paths }) => {
      Object.assign(paths['/chairs/{id}'].get.responses, { 410: { description: 'Gone.' } })
    })
    assert.deepEqual(plain, ['seeChair: 410 is not application/problem+json'])
  })

  it('shows every JSON body by an example, which fits its schema', () => {
    const without = after(({ paths }) =>
      Object.assign(paths['/chairs/{id}'].put, { requestBody: json({ type: 'object' }) }),
    )
    assert.deepEqual(without, [
      'putChair: its body: application/json has no example: one is made when each required field of the schema has `examples`, or a default, an enum or a format',
    ])
    const wrong = after(({ paths }) => {
      Object.assign(paths['/chairs/{id}'].put.responses[200], json({ $ref: '#/components/schemas/Chair' }, { legs: 2 }))
    })
    assert.deepEqual(wrong, ['putChair: 200: the example does not fit: /legs must be >= 3'])
  })

  it('has schemas that are JSON Schema 2020-12, and references that lead somewhere', () => {
    const misspelt = after(({ components }) => Object.assign(components.schemas.Chair, { requird: ['legs'] }))
    assert.ok(misspelt.includes('the schema Chair: strict mode: unknown keyword: "requird"'))
    const lost = after(({ paths }) =>
      Object.assign(paths['/chairs/{id}'].put, { requestBody: json({ $ref: '#/components/schemas/Stool' }, {}) }),
    )
    assert.match(lost[0] ?? '', /^putChair: its body: can't resolve reference/)
  })
})

describe('the list of public operations', () => {
  it('gives a reason for each', () => {
    assert.throws(() => publicOperations('GET /chairs'), /'GET \/chairs' is not 'METHOD \/path — reason'/)
  })
})
