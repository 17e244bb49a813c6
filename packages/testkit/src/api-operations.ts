/**
 * The operations of an OpenAPI document, as the checks over all of them need them. A check that is made from the
 * document forgets no operation.
 */
import type { TestAnswer, TestClient } from './test-client.ts'

/** A JSON schema, as far as anybody looks into it here. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly pattern?: string
  /** It is taken and never shown. */
  readonly writeOnly?: boolean
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly anyOf?: readonly JsonSchema[]
}

/** A value in the path or the query. */
export interface ApiParameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: JsonSchema
}

/** One operation of the document. */
export interface ApiOperation {
  readonly id: string
  /** `GET`, `POST` … */
  readonly method: string
  /** `/api/v1/links/{id}` */
  readonly path: string
  /** null: anybody may call it. */
  readonly permission: string | null
  /** What is enough for what is one's own; null: nothing less. */
  readonly own: string | null
  readonly parameters: readonly ApiParameter[]
  /** Of the JSON body; null when it takes none. */
  readonly body: JsonSchema | null
  /** Its body is plain text. */
  readonly takesText: boolean
  /** The media type of another standard that it speaks; null: JSON. */
  readonly dialect: string | null
  /** Status → media type → schema. */
  readonly responses: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>
  /** Status → names of headers, in lower case. */
  readonly headers: Readonly<Record<string, readonly string[]>>
}

/** One call of an operation. */
export interface ApiCall {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
  /** Of an operation whose body is plain text. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * For each operation, by its id, a call that succeeds: what it needs is made through the API first. Each time it is
 * asked for, it is a new one.
 */
export type ApiCalls = Readonly<Record<string, (caller: TestClient) => Promise<ApiCall> | ApiCall>>

type Json = Readonly<Record<string, unknown>>

/**
 * Reads the operations, their references resolved.
 *
 * @throws Error when an operation has no id, or its security and its `x-permission` do not say the same
 */
export function apiOperations(document: object): ApiOperation[] {
  const { paths } = document as { readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => operationOf(document, method.toUpperCase(), path, raw)),
  )
}

function operationOf(document: object, method: string, path: string, raw: Json): ApiOperation {
  const operation = resolved(document, raw) as {
    readonly operationId?: string
    readonly security?: readonly object[]
    readonly 'x-permission'?: string
    readonly 'x-permission-own'?: string
    readonly 'x-media-type'?: string
    readonly parameters?: readonly ApiParameter[]
    readonly requestBody?: { readonly content?: Content }
    readonly responses: Readonly<Record<string, { readonly content?: Content; readonly headers?: Json }>>
  }
  const { operationId: id, security = [], parameters = [], requestBody, responses } = operation
  const permission = operation['x-permission'] ?? null
  const own = operation['x-permission-own'] ?? null
  const dialect = operation['x-media-type'] ?? null
  if (id === undefined) throw new Error(`${method} ${path} has no operationId`)
  if ((security.length === 0) !== (permission === null)) {
    throw new Error(`${id}: security and x-permission do not say the same`)
  }
  const schemas = (content: Content = {}) =>
    Object.fromEntries(Object.entries(content).map(([type, { schema = {} }]) => [type, schema]))
  const each = <T>(of: (response: (typeof responses)[string]) => T) =>
    Object.fromEntries(Object.entries(responses).map(([status, response]) => [status, of(response)]))
  return {
    ...{ id, method, path, permission, own, parameters, dialect },
    body: schemas(requestBody?.content)[dialect ?? 'application/json'] ?? null,
    takesText: requestBody?.content?.['text/plain'] !== undefined,
    responses: each(({ content }) => schemas(content)),
    headers: each(({ headers = {} }) => Object.keys(headers).map((name) => name.toLowerCase())),
  }
}

type Content = Readonly<Record<string, { readonly schema?: JsonSchema }>>

/** The same with every `$ref` replaced by what it names. */
function resolved(document: object, node: unknown): unknown {
  if (Array.isArray(node)) return node.map((item) => resolved(document, item))
  if (typeof node !== 'object' || node === null) return node
  const { $ref } = node as { readonly $ref?: string }
  if ($ref !== undefined) return resolved(document, named(document, $ref))
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolved(document, value)]))
}

function named(document: object, reference: string): unknown {
  let node: unknown = document
  for (const key of reference.replace('#/', '').split('/')) node = (node as Json | undefined)?.[key]
  if (node === undefined) throw new Error(`${reference} names nothing`)
  return node
}

/** The address of a call. @throws Error when a value of the path is missing */
export function addressOf({ id, path }: ApiOperation, { params = {}, query = {} }: ApiCall): string {
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const value = params[name]
    if (value === undefined) throw new Error(`the call of ${id} does not say {${name}}`)
    return encodeURIComponent(value)
  })
  const search = new URLSearchParams(query).toString()
  return search === '' ? filled : `${filled}?${search}`
}

/** Sends a call. */
export function callOperation(client: TestClient, operation: ApiOperation, call: ApiCall): Promise<TestAnswer> {
  const { text, body = text, headers = {} } = call
  const type = text !== undefined && { 'content-type': 'text/plain; charset=UTF-8' }
  return client.send(operation.method, addressOf(operation, call), {
    headers: { ...headers, ...type },
    ...(body && { body }),
  })
}
