/*
 * The OpenAPI 3.1 document, made from the routes alone: nothing listens, nothing is opened, so the check for drift and
 * the running server make the same text. @fastify/swagger turns the schemas of the routes into operations; what all
 * operations share (problems, headers, the idempotency key, preconditions) is added here, and a schema with a title
 * becomes a named component, so that clients get named types.
 */
import { STATUS_CODES } from 'node:http'
import { type ErrorSpec, errors } from '@stoa/kernel'
import Fastify from 'fastify'
import { apiKeyErrors } from './api-key-errors.ts'
import type { AuthScheme } from './auth.ts'
import { isVersioned } from './etag.ts'
import { components, type JsonObject, notModified, problemResponse, successHeaders } from './openapi-components.ts'
import { exampleOf } from './openapi-examples.ts'
import { resolveHttpOptions } from './options.ts'
import { statusOfError } from './problem.ts'
import { protocolErrors } from './protocol-errors.ts'
import { type StandardLimits, shownLimits } from './rate-limit.ts'
import { type Dialect, isMutating, isTransactional, type Route, successStatuses } from './route.ts'
import { fastifySchema } from './serving.ts'

/** What a document is made of. */
export interface OpenApiSpec {
  readonly title: string
  readonly version: string
  /** Markdown. Default: none. */
  readonly description?: string
  readonly routes: readonly Route[]
  readonly schemes: readonly Pick<AuthScheme, 'name' | 'openapi'>[]
  /** Error tables of the modules; the ground's and the protocol's are there always. */
  readonly errors?: readonly Readonly<Record<string, ErrorSpec>>[]
  /** Tag → what its operations have in common, in a sentence; in the order in which they are shown. Default: none is said. */
  readonly tags?: Readonly<Record<string, string>>
  /** What holds for routes without a limit of their own. Default: the options' defaults. */
  readonly limits?: StandardLimits
}

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument extends JsonObject {
  readonly openapi: string
  readonly paths: Record<string, Record<string, JsonObject>>
  readonly components: Record<string, JsonObject>
}

/**
 * Makes the document.
 *
 * @throws TypeError when a route names an error code that no table has, or two different schemas have one title
 */
export async function openapiDocument(spec: OpenApiSpec): Promise<OpenApiDocument> {
  const codes = errorCodes(spec.errors)
  const document = await drafted(spec)
  const named = new Map<string, JsonObject>()
  for (const route of spec.routes) {
    const operation = document.paths[route.url.replace(/:(\w+)/g, '{$1}')]?.[route.method.toLowerCase()]
    if (operation === undefined) throw new TypeError(`${route.operationId} is missing in the document`)
    complete(operation, route, spec, codes)
    hoist(operation, named)
  }
  document.components.schemas = { ...components.schemas(codes), ...Object.fromEntries([...named].sort(byName)) }
  document.components.responses = sharedProblems(document)
  return document
}

/**
 * Every error that a caller can meet, by its code. What fails on our side is `internal` to the caller, whatever we call
 * it.
 */
function errorCodes(tables: OpenApiSpec['errors'] = []): Map<string, ErrorSpec> {
  const all = [errors, protocolErrors, apiKeyErrors, ...tables].flatMap((table): ErrorSpec[] => Object.values(table))
  const met = all.filter((error) => error.kind !== 'internal' || error === errors.internal)
  return new Map(met.map((error) => [error.code, error]))
}

/** Refuses routes that name an error code that no table has. @throws TypeError */
export function checkErrorCodes(routes: readonly Route[], tables: OpenApiSpec['errors']): void {
  const codes = errorCodes(tables)
  for (const { operationId, errors: named = [] } of routes) {
    const unknown = named.find((code) => !codes.has(code))
    if (unknown !== undefined) throw new TypeError(unknownCode(operationId, unknown))
  }
}

function unknownCode(operationId: string, code: string): string {
  return `${operationId} names the error '${code}', which no table has`
}

async function drafted(spec: OpenApiSpec): Promise<OpenApiDocument> {
  const { default: swagger } = await import('@fastify/swagger')
  const app = Fastify({ exposeHeadRoutes: false })
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => () => '')
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: spec.title, version: spec.version, ...(spec.description && { description: spec.description }) },
      ...(spec.tags && { tags: Object.entries(spec.tags).map(([name, description]) => ({ name, description })) }),
      components: {
        securitySchemes: Object.fromEntries(spec.schemes.map(({ name, openapi }) => [name, openapi])) as never,
        headers: components.headers as never,
        parameters: components.parameters as never,
      },
    },
    convertConstToEnum: false,
  })
  for (const route of spec.routes) {
    const { operationId, tags, summary, description, method, url } = route
    app.route({
      method,
      url,
      schema: { ...fastifySchema(route), operationId, tags, summary, ...(description && { description }) } as object,
      handler: () => undefined,
    })
  }
  await app.ready()
  const document = JSON.parse(JSON.stringify(app.swagger())) as OpenApiDocument
  await app.close()
  return document
}

function complete(
  operation: JsonObject,
  route: Route,
  { schemes, limits = resolveHttpOptions({}) }: OpenApiSpec,
  codes: ReadonlyMap<string, ErrorSpec>,
): void {
  operation.security = route.permission === null ? [] : schemes.map(({ name }) => ({ [name]: [] }))
  if (route.permission !== null) operation['x-permission'] = route.permission
  if (route.own !== undefined) operation['x-permission-own'] = route.own
  if (route.waits) operation['x-waits'] = true
  if (route.resource) operation['x-resource'] = { kind: route.resource.kind, parameter: route.resource.param }
  if (route.dialect) operation['x-media-type'] = route.dialect.mediaType
  operation['x-rate-limit'] = shownLimits(route, limits)
  const parameters = ((operation.parameters ?? []) as JsonObject[]).map(optionalWithDefault)
  if (isTransactional(route)) parameters.push(parameter('IdempotencyKey'))
  if (route.updates !== undefined) {
    parameters.push(parameter(route.updates === 'if-match' ? 'IfMatch' : 'IfMatchWhenSent'))
  }
  const conditional = route.method === 'GET' && isVersioned(route.schema.response[200])
  if (conditional) parameters.push(parameter('IfNoneMatch'))
  if (route.cached) parameters.push(parameter('CacheControl'))
  if (parameters.length > 0) operation.parameters = parameters
  const responses = operation.responses as Record<string, JsonObject>
  for (const [status, response] of Object.entries(responses)) {
    if (response.description === 'Default Response') response.description = STATUS_CODES[status] ?? 'The answer.'
    response.headers = { ...successHeaders(route, Number(status)), ...(response.headers as JsonObject | undefined) }
  }
  if (conditional) responses[304] ??= notModified(route)
  for (const [status, specs] of problemsOf(route, codes)) {
    const { headers, content, description } = problemResponse(status, specs, route.dialect)
    const own = responses[status]
    const plain = route.dialect && UNROUTED.has(status) && problemResponse(status, specs).content
    const both = { ...(own?.content as JsonObject | undefined), ...plain, ...content }
    responses[status] = { description: own?.description ?? description, headers, content: both }
  }
  exemplify(operation.requestBody as JsonObject | undefined, route.schema.body)
  for (const status of successStatuses(route)) exemplify(responses[status], route.schema.response[status])
  if (route.dialect === undefined) return
  for (const holder of [operation.requestBody as JsonObject | undefined, ...Object.values(responses)]) {
    speak(holder, route.dialect)
  }
}

/** An address that cannot be read is no route's, and so is refused in no other standard's words. */
const UNROUTED: ReadonlySet<number> = new Set([400, 414])

/** What is JSON elsewhere has the media type of the other standard. */
function speak(holder: JsonObject | undefined, { mediaType }: Dialect): void {
  const { 'application/json': json, ...others } = (holder?.content ?? {}) as Record<string, JsonObject>
  if (holder && json) holder.content = { [mediaType]: json, ...others }
}

/** Gives a JSON body its example. */
function exemplify(holder: JsonObject | undefined, schema: object = {}): void {
  const media = (holder?.content as Record<string, JsonObject> | undefined)?.['application/json']
  if (media === undefined) return
  const example = exampleOf(schema as JsonObject)
  if (example !== undefined) media.example = JSON.parse(JSON.stringify(example))
}

/**
 * Moves the problems that operations have in common into the components. They are named after their status and codes.
 */
function sharedProblems({ paths }: OpenApiDocument): JsonObject {
  const shared = new Map<string, JsonObject>()
  for (const operation of Object.values(paths).flatMap((methods) => Object.values(methods))) {
    const responses = operation.responses as Record<string, JsonObject>
    for (const [status, response] of Object.entries(responses)) {
      const { 'application/problem+json': problem, ...others } = (response.content ?? {}) as Record<string, JsonObject>
      if (problem === undefined || Object.keys(others).length > 0) continue
      const name = [status, ...Object.keys(problem.examples as JsonObject)].join('.')
      shared.set(name, response)
      responses[status] = { $ref: `#/components/responses/${name}` }
    }
  }
  return Object.fromEntries([...shared].sort(byName))
}

function parameter(name: string): JsonObject {
  return { $ref: `#/components/parameters/${name}` }
}

/** What has a default need not be sent. */
function optionalWithDefault(item: JsonObject): JsonObject {
  const { default: fallback } = (item.schema ?? {}) as JsonObject
  return item.in === 'query' && fallback !== undefined ? { ...item, required: false } : item
}

/** The errors that a route can give, by status. */
function problemsOf(route: Route, codes: ReadonlyMap<string, ErrorSpec>): Map<number, ErrorSpec[]> {
  const { permission, list, updates } = route
  const guarded = permission !== null
  const writes = isMutating(route)
  const keyed = isTransactional(route)
  const given = [
    'invalid_request',
    ...(list === undefined ? [] : ['invalid_cursor']),
    // A body that is not asked for is read too, before it is refused.
    ...(writes
      ? ['malformed_json', 'json_too_deep', 'request_timeout', 'payload_too_large', 'unsupported_media_type']
      : []),
    ...(guarded ? ['unauthenticated', 'forbidden'] : []),
    ...(keyed ? ['idempotency_in_progress', 'idempotency_key_reused'] : []),
    ...(updates === undefined ? [] : ['precondition_failed']),
    ...(updates === 'if-match' ? ['precondition_required'] : []),
    'validation_failed',
    'uri_too_long',
    'headers_too_large',
    ...(route.errors ?? []),
    'rate_limited',
    'internal',
    'unavailable',
    'overloaded',
  ]
  const byStatus = new Map<number, ErrorSpec[]>()
  for (const code of new Set(given)) {
    const error = codes.get(code)
    if (error === undefined) throw new TypeError(unknownCode(route.operationId, code))
    const status = statusOfError(error)
    byStatus.set(status, [...(byStatus.get(status) ?? []), error])
  }
  return new Map([...byStatus].sort(([a], [b]) => a - b))
}

/** Moves every schema with a title into the components, and leaves a reference. */
function hoist(node: unknown, named: Map<string, JsonObject>): void {
  if (typeof node !== 'object' || node === null) return
  for (const [key, value] of Object.entries(node as JsonObject)) {
    hoist(value, named)
    const title = titleOf(value)
    if (title === null) continue
    const text = JSON.stringify(value)
    const known = named.get(title)
    if (known !== undefined && JSON.stringify(known) !== text) {
      throw new TypeError(`two different schemas have the title '${title}'`)
    }
    named.set(title, value as JsonObject)
    ;(node as JsonObject)[key] = { $ref: `#/components/schemas/${title}` }
  }
}

function titleOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null
  const { title, type } = value as JsonObject
  return typeof title === 'string' && type === 'object' && /^[A-Z][A-Za-z0-9]*$/.test(title) ? title : null
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}
