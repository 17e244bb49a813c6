// What an OpenAPI document of ours has to be besides up to date: valid (the meta-schema of 3.1 and JSON Schema
// 2020-12), whole (every operation is named, grouped, limited, guarded or listed as public, and described with its
// problems; every group says what it is), and shown by examples that fit.

import { validate } from '@scalar/openapi-validator'
import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

type Json = Readonly<Record<string, unknown>>

/** A document, as far as this file looks at it. */
export interface ApiDocument extends Json {
  readonly tags?: readonly { readonly name: string; readonly description?: unknown }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation extends Json {
  readonly operationId?: string
  readonly parameters?: readonly Json[]
  readonly responses?: Readonly<Record<string, Json>>
}

/**
 * What may be called without credentials, as `GET /l/{code}`. One per line: `GET /l/{code} — reason`; `#` begins a
 * comment. The list knows paths that are in no document too, so this file does not ask whether each of them exists; the
 * test of endpoint coverage does.
 */
export function publicOperations(text: string): ReadonlySet<string> {
  const listed = new Set<string>()
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const [, operation] = /^([A-Z]+ \/\S*) — \S/.exec(line) ?? []
    if (operation === undefined) throw new Error(`'${line}' is not 'METHOD /path — reason'`)
    listed.add(operation)
  }
  return listed
}

/** What is wrong with a document, one sentence each. */
export function openApiProblems(document: ApiDocument, listed: ReadonlySet<string>): readonly string[] {
  const { errors = [] } = validate(document as Record<string, unknown>)
  if (errors.length > 0) return errors.map(({ path, message }) => `${String(path)}: ${message}`)
  const schemas = new SchemaReview(document)
  const problems = [...schemas.components(), ...tagProblems(document)]
  const named = new Set<string>()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const address = `${method.toUpperCase()} ${path}`
      const name = operation.operationId ?? address
      if (named.has(name)) problems.push(`${name}: another operation has this operationId`)
      named.add(name)
      const found = [
        ...declarationProblems(operation, listed.has(address)),
        ...(method === 'delete' ? removalProblems(methods) : []),
        ...parameterProblems(document, path, operation),
        ...answerProblems(document, method, operation),
        ...schemas.operation(path, method, operation),
      ]
      problems.push(...found.map((problem) => `${name}: ${problem}`))
    }
  }
  return problems
}

function tagProblems({ paths, tags = [] }: ApiDocument): string[] {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  const used = new Set(operations.flatMap((operation) => (operation.tags ?? []) as string[]))
  const said = tags.map(({ name }) => name)
  const described = new Set(tags.filter(({ description }) => isText(description)).map(({ name }) => name))
  return [
    ...[...used]
      .filter((tag) => !described.has(tag))
      .map((tag) => `the tag ${tag} has no description: a room says it under \`tags\` of its manifest`),
    ...said.filter((tag) => !used.has(tag)).map((tag) => `the tag ${tag} is on no operation`),
    ...said.filter((tag, index) => said.indexOf(tag) < index).map((tag) => `the tag ${tag} is described twice`),
  ]
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

/** Words alone, to see whether two texts say the same. */
function wordsOf(text: string): string {
  return text.toLowerCase().match(/\w+/g)?.join(' ') ?? ''
}

function declarationProblems(operation: Operation, isListed: boolean): string[] {
  const problems: string[] = []
  const { description, operationId, summary, tags, security } = operation
  if (operationId === undefined) problems.push('it has no operationId')
  if (!isText(summary)) problems.push('it has no summary')
  if (!isText(description)) problems.push('it has no description')
  else if (isText(summary) && wordsOf(description) === wordsOf(summary)) {
    problems.push('its description only says its summary again')
  }
  if (!Array.isArray(tags) || tags.length === 0) problems.push('it has no tag')
  if (!Array.isArray(security)) problems.push('it does not say whether it needs credentials')
  else if (security.length === 0 && !isListed) problems.push('it is public, and not on the list of public operations')
  else if (security.length > 0 && isListed) problems.push('it is listed as public, and needs credentials')
  const limits = operation['x-rate-limit']
  if (!Array.isArray(limits) || limits.length === 0) problems.push('it shows no limit: x-rate-limit')
  return problems
}

/** What has a version is not removed unseen by somebody who says which one they mean. */
function removalProblems({ delete: removal, get }: Readonly<Record<string, Operation>>): string[] {
  const takes = ({ parameters = [] }: Operation = {}, name: string) =>
    parameters.some(({ $ref }) => typeof $ref === 'string' && $ref.startsWith(`#/components/parameters/${name}`))
  const isUnseen = takes(get, 'IfNoneMatch') && !takes(removal, 'IfMatch')
  return isUnseen ? ['it removes what has a version, and takes no If-Match: `updates`'] : []
}

function parameterProblems(document: ApiDocument, path: string, { parameters = [] }: Operation): string[] {
  const inPath = parameters.map((item) => resolved(document, item)).filter((item) => item.in === 'path')
  const declared = inPath.map((item) => String(item.name))
  const meant = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => String(name))
  return [
    ...meant.filter((name) => !declared.includes(name)).map((name) => `the parameter {${name}} is not declared`),
    ...declared.filter((name) => !meant.includes(name)).map((name) => `its path has no {${name}}`),
  ]
}

/** Statuses that an operation of this kind has to document. */
function expectedProblems(method: string, { security, requestBody, 'x-waits': waits }: Operation): number[] {
  const guarded = Array.isArray(security) && security.length > 0
  return [
    400,
    ...(guarded ? [401, 403] : []),
    // Of the key of a request that is carried out once. Who waits has none.
    ...(guarded && method !== 'get' && waits !== true ? [409] : []),
    ...(requestBody === undefined ? [] : [413, 415, 422]),
    429,
    500,
    503,
  ]
}

function answerProblems(document: ApiDocument, method: string, operation: Operation): string[] {
  const { responses = {}, 'x-media-type': dialect } = operation
  const problem = typeof dialect === 'string' ? dialect : 'application/problem+json'
  const problems: string[] = []
  const statuses = Object.keys(responses).map(Number)
  if (!statuses.some((status) => status >= 200 && status < 400)) problems.push('no success is documented')
  const missing = expectedProblems(method, operation).filter((status) => !statuses.includes(status))
  if (missing.length > 0) problems.push(`these problems are not documented: ${missing.join(', ')}`)
  for (const [status, answer] of Object.entries(responses)) {
    const { content } = resolved(document, answer)
    if (Number(status) >= 400 && (content as Json | undefined)?.[problem] === undefined)
      problems.push(`${status} is not ${problem}`)
  }
  return problems
}

/** Schemas compile, and examples fit them. */
class SchemaReview {
  readonly #document: ApiDocument
  readonly #ajv: Ajv2020

  constructor(document: ApiDocument) {
    this.#document = document
    this.#ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true })
    addFormats.default(this.#ajv)
    // Schemas refer to each other through the whole document, so that is what Ajv gets.
    this.#ajv.addVocabulary(Object.keys(document))
    this.#ajv.addSchema(document as AnySchema, DOCUMENT, undefined, false)
  }

  components(): string[] {
    const { schemas = {} } = (this.#document.components ?? {}) as { schemas?: Json }
    return Object.keys(schemas).flatMap((name) => {
      const flaw = this.#flaw(['components', 'schemas', name], [])
      return flaw === null ? [] : [`the schema ${name}: ${flaw}`]
    })
  }

  operation(path: string, method: string, { requestBody, responses = {} }: Operation): string[] {
    const here = ['paths', path, method]
    return [
      ...(requestBody === undefined ? [] : this.#body('its body', [...here, 'requestBody'], requestBody as Json)),
      ...Object.entries(responses).flatMap(([status, answer]) =>
        this.#body(status, [...here, 'responses', status], answer),
      ),
    ]
  }

  #body(what: string, at: readonly string[], holder: Json): string[] {
    const place = typeof holder.$ref === 'string' ? segments(holder.$ref) : at
    const { content = {} } = resolved(this.#document, holder) as { content?: Readonly<Record<string, Json>> }
    return Object.entries(content).flatMap(([mediaType, media]) => {
      if (media.schema === undefined) return [`${what}: ${mediaType} has no schema`]
      const examples = examplesOf(media)
      if (examples.length === 0 && /[/+]json$/.test(mediaType)) return [`${what}: ${mediaType} ${NO_EXAMPLE}`]
      const flaw = this.#flaw([...place, 'content', mediaType, 'schema'], examples)
      return flaw === null ? [] : [`${what}: ${flaw}`]
    })
  }

  #flaw(at: readonly string[], examples: readonly unknown[]): string | null {
    const pointer = at.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')
    try {
      const fits = this.#ajv.compile({ $ref: `${DOCUMENT}#/${pointer}` })
      for (const example of examples) {
        if (!fits(example)) return `the example does not fit: ${this.#ajv.errorsText(fits.errors, { dataVar: '' })}`
      }
      return null
    } catch (error) {
      return (error as Error).message
    }
  }
}

/** Examples are made of schemas: packages/http/src/openapi-examples.ts. */
const NO_EXAMPLE =
  'has no example: one is made when each required field of the schema has `examples`, or a default, an enum or a format'

const DOCUMENT = 'openapi'

function examplesOf({ example, examples = {} }: Json): unknown[] {
  const several = Object.values(examples as Readonly<Record<string, Json>>).map(({ value }) => value)
  return example === undefined ? several : [example, ...several]
}

/** What a reference within the document stands for. */
function resolved(document: ApiDocument, item: Json): Json {
  if (typeof item.$ref !== 'string') return item
  let here: unknown = document
  for (const part of segments(item.$ref)) here = (here as Json | undefined)?.[part]
  return (here ?? {}) as Json
}

function segments(reference: string): string[] {
  return reference
    .slice(2)
    .split('/')
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'))
}
