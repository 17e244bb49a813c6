import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { declaredCodes, type ErrorTables, errorProblems, openApiCodes, renderErrorPage } from '../error-table.ts'
import { temporaryFolder } from './repository.ts'

const TABLES: ErrorTables = {
  kernel: {
    rate_limited: { code: 'rate_limited', kind: 'rate_limited', message: 'Too many requests.' },
    not_found: { code: 'not_found', kind: 'not_found', message: 'There is nothing here.' },
  },
  links: { slug_taken: { code: 'slug_taken', kind: 'conflict', message: 'This slug is in use.', retryable: true } },
}
const DECLARED = ['rate_limited', 'not_found', 'slug_taken'].map((code) => ({ code, place: `a.ts:1` }))

function document(...codes: string[]) {
  const problem = { properties: { code: { type: 'string', enum: codes }, requestId: { type: 'string' } } }
  return { components: { schemas: { Link: { properties: { code: { enum: ['other'] } } }, Problem: problem } } }
}
const AGREED = document('rate_limited', 'not_found', 'slug_taken')

describe('the error codes', () => {
  it('agree when the sources, the manifest and the OpenAPI document have the same', () => {
    assert.deepEqual(errorProblems(DECLARED, TABLES, AGREED), [])
  })

  it('disagree when a table is declared and not listed, or listed and not declared', () => {
    const extra = [...DECLARED, { code: 'forgotten', place: 'b.ts:7' }]
    assert.deepEqual(errorProblems(extra, TABLES, AGREED), [
      "forgotten (b.ts:7) is in no table of the manifest's errorTables",
    ])
    assert.deepEqual(errorProblems(DECLARED.slice(1), TABLES, AGREED), [
      'rate_limited is listed, but no defineErrors declares it',
    ])
  })

  it('disagree when one is in two tables', () => {
    const twice = { ...TABLES, other: { not_found: { code: 'not_found', kind: 'gone', message: 'x' } } }
    assert.deepEqual(errorProblems(DECLARED, twice, AGREED), [
      'not_found is in more than one error table: kernel, other',
    ])
  })

  it('disagree with an OpenAPI document that has one less or one more', () => {
    assert.deepEqual(errorProblems(DECLARED, TABLES, document('rate_limited', 'not_found')), [
      'slug_taken is not among the codes of a problem in openapi/stoa.json',
    ])
    assert.deepEqual(errorProblems(DECLARED, TABLES, document('rate_limited', 'not_found', 'slug_taken', 'gone')), [
      'openapi/stoa.json offers the code gone, which no error table has',
    ])
    assert.equal(errorProblems(DECLARED, TABLES, null).length, 1)
    assert.equal(openApiCodes({ components: { schemas: {} } }), null)
  })

  it('are read from the sources, and not from tests or comments', () => {
    using folder = temporaryFolder({
      'packages/db/package.json': { name: '@stoa/db' },
      'packages/db/src/errors.ts': `import { defineErrors } from '@stoa/kernel'\n// defineErrors({ not_this: {} })\nexport const e = defineErrors({\n  one: { kind: 'gone' },\n  'two': { kind: 'gone' },\n})\n`,
      'packages/db/test/a.test.ts': `defineErrors({ three: {} })`,
    })
    assert.deepEqual(declaredCodes(folder.root), [
      { code: 'one', place: 'packages/db/src/errors.ts:4' },
      { code: 'two', place: 'packages/db/src/errors.ts:5' },
    ])
  })

  it('of our own failures are not told to callers, and so not in the OpenAPI document', () => {
    const row = (code: string) => ({ code, kind: 'internal', message: 'x' })
    const ours = { ...TABLES, secrets: { internal: row('internal'), secret_wrong: row('secret_wrong') } }
    const declared = [...DECLARED, { code: 'internal', place: 'c.ts:1' }, { code: 'secret_wrong', place: 'c.ts:2' }]
    const codes = ['rate_limited', 'not_found', 'slug_taken', 'internal']
    assert.deepEqual(errorProblems(declared, ours, document(...codes)), [])
    assert.deepEqual(errorProblems(declared, ours, document(...codes, 'secret_wrong')), [
      'openapi/stoa.json offers the code secret_wrong, which no error table has',
    ])
  })

  it('may stand in a schema of their own in the OpenAPI document', () => {
    const properties = { code: { $ref: '#/components/schemas/ErrorCode' }, requestId: { type: 'string' } }
    const schemas = { ErrorCode: { enum: ['a', 'b'] }, Problem: { properties } }
    assert.deepEqual(openApiCodes({ components: { schemas } }), ['a', 'b'])
  })

  it('make a page with one table per owner, in the order of the status, and one of what callers are not told', () => {
    const tables = {
      ...TABLES,
      secrets: { secret_wrong: { code: 'secret_wrong', kind: 'internal', message: 'This | that.' } },
    }
    const page = renderErrorPage(tables, ({ kind, retryable }) => ({
      status: { rate_limited: 429, not_found: 404 }[kind] ?? 409,
      retryable: retryable ?? kind === 'rate_limited',
    }))
    assert.match(
      page,
      /## kernel\n\n.*\n.*\n\| `not_found` \| 404 \| no \| There is nothing here\. \|\n\| `rate_limited` \| 429 \| yes \|/,
    )
    assert.match(page, /## links\n\n.*\n.*\n\| `slug_taken` \| 409 \| yes \|/)
    assert.doesNotMatch(page, /## secrets/)
    assert.match(page, /## In logs[\s\S]*\n\| code \| meaning \|\n.*\n\| `secret_wrong` \| This \\\| that\. \|\n$/)
  })
})
