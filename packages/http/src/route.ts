/*
 * One declaration per operation. It carries what the operation is (method, path, schemas), who may call it
 * (permission), how often (rate limit), how it changes things (idempotency, If-Match) and how it is documented.
 * Everything else (validators, serialisers, the guard, the OpenAPI document) is made from it, so that none of them can
 * say something else than the others.
 */
import type { Readable } from 'node:stream'
import type { BaseCtx, Ctx } from '@stoa/kernel'
import type { Static, TSchema } from 'typebox'
import type { Claim } from './claims.ts'
import { type IfMatch, isVersioned } from './etag.ts'
import type { Lane } from './lane.ts'
import type { ListSpec, PageRequest, SortOf } from './pagination.ts'
import type { Problem } from './problem.ts'
import type { UpgradedConnection } from './upgrade.ts'

/**
 * The methods that change something. They run inside one database transaction and take an `Idempotency-Key`, unless the
 * route waits.
 */
export const MUTATING_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'] as const

/** The methods a route can have. HEAD and OPTIONS are answered by the assembly. */
export type RouteMethod = 'GET' | (typeof MUTATING_METHODS)[number]

/** A response that is not JSON: `{ content: { 'text/html': { schema: Type.String() } } }`. */
export interface ContentSchema {
  readonly description?: string
  readonly content: Readonly<Record<string, { readonly schema: TSchema }>>
  /** Whether it has an entity tag. Default false. */
  readonly tagged?: boolean
}

/** The schemas of a route. Objects without `additionalProperties` are closed: an unknown field is a 422. */
export interface RouteSchemas {
  readonly params?: TSchema
  readonly querystring?: TSchema
  /** Headers beyond those of the assembly (`Authorization`, `Idempotency-Key`, `If-Match`). Names in lower case. */
  readonly headers?: TSchema
  readonly body?: TSchema
  /** By status. Exactly one status of 2xx or 3xx is the default answer; problems are documented by the assembly. */
  readonly response: Readonly<Record<number, TSchema | ContentSchema>>
}

/** A token bucket: it holds `capacity` requests and gains `refillPerSecond`. */
export interface RateLimit {
  /** Requests at once, 1–1,000,000. */
  readonly capacity: number
  /** Requests per second in the long run, above 0. */
  readonly refillPerSecond: number
}

type NoFields = Readonly<Record<never, never>>
type Part<S, K extends string, None> = S extends { readonly [key in K]: infer T extends object } ? Static<T> : None
type Success = 200 | 201 | 202 | 203 | 204 | 301 | 302 | 303 | 304 | 307 | 308
type Answer<R> = R extends ContentSchema ? string | Uint8Array | Readable : R extends TSchema ? Static<R> : never
type Silent<R> = R extends null ? null | undefined : R

/** What a handler of a route with these schemas returns: the body of one of its 2xx and 3xx responses. */
export type ResponseBody<S extends RouteSchemas> = Silent<Answer<S['response'][keyof S['response'] & Success]>>

/** What a handler is given, already validated. */
export interface RouteRequest<S extends RouteSchemas, U = undefined, L = undefined> {
  readonly params: Part<S, 'params', NoFields>
  readonly query: Part<S, 'querystring', NoFields>
  readonly body: Part<S, 'body', undefined>
  readonly headers: Part<S, 'headers', NoFields> & Readonly<Record<string, string | string[] | undefined>>
  /** The precondition of the caller; null when the route does not require one and none was sent. What is not null is checked. */
  readonly ifMatch: U extends 'if-match' ? IfMatch : IfMatch | null
  /** The page that was asked for, on a route with `list`. */
  readonly page: L extends ListSpec ? PageRequest<SortOf<L>> : undefined
  /** `HEAD` on a route of GET when the caller wants the headers alone; else the method of the route. */
  readonly method: string
  /** Host and port as the caller named them; behind a trusted proxy as the proxy names them. */
  readonly host: string
  /** The caller's address; behind a trusted proxy the one that the proxy names. */
  readonly ip: string
}

/** What a handler may set besides the body that it returns. Each method gives the reply back. */
export interface RouteReply {
  /** Status other than the declared default, such as 200 instead of 201. */
  code(status: number): unknown
  header(name: string, value: string): unknown
  /** Media type of a body that is not JSON. */
  type(mediaType: string): unknown
}

/**
 * How a change takes `If-Match` (RFC 9110 §13.1.1). `if-match`: the caller must say which version is meant; 428 when it
 * does not. `if-match-when-sent`: any version will do, unless the caller names one. Either way the verb checks it against
 * the row that it has locked: 412.
 */
export type Updates = 'if-match' | 'if-match-when-sent'

/** The one thing that a route is about. */
export interface RouteResource {
  /** What kind of thing, as the subjects of events name it: `link`. */
  readonly kind: string
  /** The parameter of the path that has its id. */
  readonly param: string
}

/**
 * How another standard speaks: its media type both ways, and its refusals. What it takes comes as plain JSON too.
 */
export interface Dialect {
  /** Such as `application/scim+json`. */
  readonly mediaType: string
  /** The schema of a refusal, for the document. Its title names it there. */
  readonly problemSchema: TSchema
  /** The body of a refusal. @param problem as it would leave by RFC 9457 */
  problem(problem: Problem): object
}

/** The declaration of a route, as {@link defineRoute} takes it. */
export interface RouteSpec<
  S extends RouteSchemas,
  P extends string | null,
  U extends Updates | undefined,
  L extends ListSpec | undefined,
> {
  readonly method: RouteMethod
  /** Path with `:name` for parameters: `/api/v1/links/:id`. */
  readonly url: string
  /** Unique name in camelCase, a verb first: `createLink`. Clients are generated from it. */
  readonly operationId: string
  readonly tags: readonly string[]
  /** One line. */
  readonly summary: string
  /** Markdown. */
  readonly description?: string
  /**
   * The permission the caller needs, such as `links:write`. null: anyone may call it, there is no tenant, and a
   * mutating handler gets neither a transaction nor an idempotency key.
   */
  readonly permission: P
  /**
   * What the route is about: whoever was granted the permission on this one thing passes too. The verb then asks for
   * both: `requirePermission(ctx, 'links:read', { kind: 'link', id })`. Default: the permission is needed for all.
   */
  readonly resource?: RouteResource
  /**
   * The permission that is enough for what is one's own, such as `apiKeys:own`: whoever has it passes too. The verb then asks
   * for both, and its query for whose it is: `const whose = requirePermissionOrOwn(ctx, 'apiKeys:read', 'apiKeys:own')`.
   * Default: what is one's own is as everybody's.
   */
  readonly own?: string
  /** Speaks as another standard does. Default: JSON, and problem+json. */
  readonly dialect?: Dialect
  /**
   * A bucket of its own for each caller of this operation, beside the tenant's. Default: the bucket that all operations
   * share.
   */
  readonly rateLimit?: RateLimit
  /** Body limit in bytes. Default: the assembly's (1 MiB). */
  readonly bodyLimitBytes?: number
  /**
   * The body is text and called so (`text/plain`), as services send it that sign what they send; its schema is a string.
   * Default false: JSON.
   */
  readonly textBody?: boolean
  /**
   * The body is what a form of a page sends (`application/x-www-form-urlencoded`); its schema is an object of strings.
   * Default false: JSON.
   */
  readonly formBody?: boolean
  /** See {@link Updates}. A change of one thing that is answered with its version has to say it. */
  readonly updates?: U
  /** Adds `limit`, `cursor` and `sort` to the query, and gives the handler a `page`. */
  readonly list?: L
  /**
   * The handler reads through a cache, and says how its answer came: see {@link cameBy}. For GET alone. Default false.
   */
  readonly cached?: boolean
  /**
   * The handler may wait for something to happen before it answers. So no transaction is opened for it (it opens its own,
   * and holds none while it waits), there is no idempotency key, and a request that waits counts neither as load nor as
   * slow: the handler limits how many wait, and ends them when the server drains. Default false.
   */
  readonly waits?: boolean
  /** The answer holds a secret that is shown once: what is kept for a replay is encrypted. Default false. */
  readonly secretResponse?: boolean
  /** Codes of errors that this operation in particular gives, for the documentation. */
  readonly errors?: readonly string[]
  /**
   * Takes the connection when the caller asks for a WebSocket here. The guard has let it pass, or it came without
   * credentials: then the principal is null, and nothing may be given out before there is one. For GET alone.
   */
  readonly upgrade?: (ctx: BaseCtx, connection: UpgradedConnection) => void
  /**
   * A short way for the usual answer: see {@link Lane}. The bucket of such a route is leased where buckets are shared.
   * For GET and without a permission.
   */
  readonly lane?: Lane
  /** Paths beside `url`, which then ends with its one parameter, that are this route's too. Default: none. */
  readonly claims?: Claim
  readonly schema: S
  /**
   * Calls one verb. Inside a mutating route it runs again when the transaction is retried: it has no effects outside of
   * the database.
   */
  handler(
    ctx: P extends null ? BaseCtx : Ctx,
    request: RouteRequest<S, U, L>,
    reply: RouteReply,
  ): ResponseBody<S> | Promise<ResponseBody<S>>
}

/** A route, its types erased. Made by {@link defineRoute} alone. */
export interface Route {
  readonly method: RouteMethod
  readonly url: string
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description?: string
  readonly permission: string | null
  readonly resource?: RouteResource
  readonly own?: string
  readonly dialect?: Dialect
  readonly rateLimit?: RateLimit
  readonly bodyLimitBytes?: number
  readonly textBody?: boolean
  readonly formBody?: boolean
  readonly updates?: Updates | undefined
  readonly list?: ListSpec | undefined
  readonly cached?: boolean
  readonly waits?: boolean
  readonly secretResponse?: boolean
  readonly errors?: readonly string[]
  readonly upgrade?: (ctx: BaseCtx, connection: UpgradedConnection) => void
  readonly lane?: Lane
  readonly claims?: Claim
  readonly schema: RouteSchemas
  handler(ctx: BaseCtx, request: unknown, reply: RouteReply): unknown
}

/**
 * Declares a route. Types of the handler come from the schemas.
 *
 * @throws TypeError when the declaration contradicts itself: it names the operation and what is wrong
 */
export function defineRoute<
  const S extends RouteSchemas,
  const P extends string | null,
  const L extends ListSpec | undefined = undefined,
  const U extends Updates | undefined = undefined,
>(spec: RouteSpec<S, P, U, L>): Route {
  const route = spec as unknown as Route
  const wrong = flawOf(route)
  if (wrong) throw new TypeError(`route ${route.operationId} (${route.method} ${route.url}): ${wrong}`)
  return Object.freeze(route)
}

/** Whether the route changes something. */
export function isMutating(route: Pick<Route, 'method'>): boolean {
  return route.method !== 'GET'
}

/** Whether it runs in one transaction that is opened for it, and takes an `Idempotency-Key`. */
export function isTransactional(route: Pick<Route, 'method' | 'permission' | 'waits'>): boolean {
  return isMutating(route) && route.permission !== null && route.waits !== true
}

const OPERATION_ID = /^[a-z][a-zA-Z0-9]{2,63}$/
const PERMISSION = /^[a-z][a-zA-Z0-9-]*(:[a-z][a-zA-Z0-9]*)+$/
const URL_PATH = /^\/([a-zA-Z0-9._~-]+|:[a-z][a-zA-Z0-9]*)(\/([a-zA-Z0-9._~-]+|:[a-z][a-zA-Z0-9]*))*$/

function isText(schema: TSchema | undefined): boolean {
  return (schema as { readonly type?: unknown } | undefined)?.type === 'string'
}

/** Whether it changes the thing in its path, and shows it: then a caller who saw an `ETag` may send it. */
function changesVersioned({ method, schema, url }: Route): boolean {
  return method !== 'GET' && url.includes('/:') && isVersioned(schema.response[200])
}

function flawOf(route: Route): string | null {
  if (!OPERATION_ID.test(route.operationId)) return 'operationId is not a camelCase name of 3–64 letters and digits'
  if (!URL_PATH.test(route.url)) return 'url is not a path of plain segments and :parameters'
  if (route.permission !== null && !PERMISSION.test(route.permission)) {
    return `permission '${route.permission}' is not of the form 'links:write'`
  }
  if (route.resource && route.permission === null) return 'who needs no permission needs none on a resource'
  if (
    route.own !== undefined &&
    (route.permission === null || route.resource !== undefined || !PERMISSION.test(route.own))
  ) {
    return `own '${route.own}' is no permission beside another one for all`
  }
  if (route.resource && !route.url.split('/').includes(`:${route.resource.param}`)) {
    return `its path has no ':${route.resource.param}' for the resource`
  }
  if (route.tags.length === 0) return 'tags are missing'
  if (route.method === 'GET' && route.schema.body !== undefined) return 'a GET has no body'
  if (route.textBody && !isText(route.schema.body)) return 'a text body has a schema of a string'
  if (route.method === 'GET' && route.updates !== undefined) return 'a GET updates nothing'
  if (changesVersioned(route) && route.updates === undefined) return 'it does not say how it takes If-Match: updates'
  if (route.cached && route.method !== 'GET') return 'only a GET is cached'
  if (route.upgrade && route.method !== 'GET') return 'only a GET is upgraded'
  if (route.lane && (route.method !== 'GET' || route.permission !== null)) return 'only a GET for anyone has a lane'
  if (route.claims && !/^[^:]*\/:\w+$/.test(route.url)) return 'who claims paths has one parameter, at the end'
  if (route.waits && (route.updates === 'if-match' || route.cached || route.secretResponse))
    return 'who waits only waits'
  if (route.list !== undefined && route.method !== 'GET') return 'a list is a GET'
  if (successStatuses(route).length === 0) return 'no 2xx or 3xx response is declared'
  const limit = route.rateLimit
  if (limit && !(limit.capacity >= 1 && limit.capacity <= 1_000_000 && limit.refillPerSecond > 0)) {
    return 'rateLimit needs a capacity of 1–1,000,000 and a refillPerSecond above 0'
  }
  return null
}

/** The declared statuses of 2xx and 3xx, ascending. The first one is the default. */
export function successStatuses(route: Pick<Route, 'schema'>): number[] {
  return Object.keys(route.schema.response)
    .map(Number)
    .filter((status) => status >= 200 && status < 400)
    .sort((a, b) => a - b)
}
