/*
 * From a declared route to a route of Fastify. Reading handlers are called as they are; what comes back goes to the
 * compiled serialiser. Mutating handlers run inside one transaction that is opened here and that the verbs join, and
 * their answer is serialised before the commit: an answer that cannot be written must not have happened.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, errors, isError, StoaError } from '@stoa/kernel'
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  onRequestHookHandler,
  RouteHandlerMethod,
} from 'fastify'
import { type TSchema, Type } from 'typebox'
import { noneMatchHolds } from './etag.ts'
import { type Idempotency, idempotencyKeyOf } from './idempotency.ts'
import { FORM_TYPE } from './json-body.ts'
import type { LoadGuard } from './load.ts'
import { listQuery } from './pagination.ts'
import { inTenant } from './request-ctx.ts'
import { isTransactional, type Route, successStatuses } from './route.ts'
import { type Answer, StagedReply } from './staged-reply.ts'
import type { Upgrades } from './upgrade.ts'
import { closed } from './validation.ts'

/** What serving a route takes. */
export interface ServingDeps {
  /** null: no route of this application writes. */
  readonly db: Database | null
  readonly idempotency: Idempotency | null
  readonly load: LoadGuard
  /** See {@link HttpDeps.caughtUp}. */
  readonly caughtUp: () => Promise<void>
  readonly upgrades: Upgrades
}

/** Counts the requests in their handlers. */
type Running = Pick<LoadGuard, 'running'>

const JSON_TYPE = 'application/json; charset=utf-8'

/** The schemas as Fastify takes them: objects closed, the query of a list added. */
export function fastifySchema(route: Route): FastifySchema {
  const { params, querystring, headers, body, response } = route.schema
  const query = route.list ? withListQuery(querystring, route) : querystring
  return {
    ...(params && { params: closed(params) }),
    ...(query && { querystring: closed(query) }),
    ...(headers && { headers }),
    ...(body && { body: closed(body) }),
    ...(route.textBody && { consumes: ['text/plain'] }),
    ...(route.formBody && { consumes: [FORM_TYPE] }),
    response,
  }
}

function withListQuery(querystring: TSchema | undefined, route: Route): TSchema {
  const own = (querystring as { properties?: Record<string, TSchema> } | undefined)?.properties ?? {}
  return Type.Object({ ...own, ...(route.list && listQuery(route.list)) })
}

/** The handler of a route. */
function handlerOf(route: Route, deps: ServingDeps): RouteHandlerMethod {
  if (route.upgrade !== undefined) return upgradingHandler(route, deps)
  if (!isTransactional(route)) return readingHandler(route, route.waits ? { running: 0 } : deps.load)
  if (deps.db === null || deps.idempotency === null) {
    throw new TypeError(`route ${route.operationId} writes: createHttp needs a database for it`)
  }
  return mutatingHandler(route, deps.db, deps.idempotency, deps)
}

function upgradingHandler(route: Route, { load, upgrades }: ServingDeps): RouteHandlerMethod {
  const read = readingHandler(route, load)
  return function answer(request, reply) {
    if (!upgrades.has(request)) return read.call(this, request, reply)
    upgrades.hand(route, request, reply)
    return undefined
  }
}

function readingHandler(route: Route, load: Running): RouteHandlerMethod {
  const status = successStatuses(route)[0] ?? 200
  const type = route.dialect && typeOf(route)
  return function read(request, reply) {
    if (status !== 200) reply.code(status)
    if (type !== undefined) reply.type(type)
    if (route.schema.body === undefined) refuseBody(request)
    load.running += 1
    let value: unknown
    try {
      value = route.handler(request.ctx, request, reply)
    } catch (error) {
      load.running -= 1
      throw error
    }
    if (value instanceof Promise) return finishLate(value, request, reply, load)
    load.running -= 1
    if (!reply.sent) reply.send(bodyOf(value, request, reply))
    return undefined
  }
}

async function finishLate(
  value: Promise<unknown>,
  request: FastifyRequest,
  reply: FastifyReply,
  load: Running,
): Promise<unknown> {
  try {
    const found = await value
    // The handler opened a stream, and the answer is its own.
    if (reply.sent) return undefined
    const body = bodyOf(found, request, reply)
    return body === undefined ? reply.send() : body
  } finally {
    load.running -= 1
  }
}

/** What is sent: nothing for null, nothing with 304 when the caller has this version already. */
function bodyOf(value: unknown, request: FastifyRequest, reply: FastifyReply): unknown {
  const condition = request.headers['if-none-match']
  if (condition !== undefined) {
    const tag = reply.getHeader('etag')
    if (typeof tag === 'string' && noneMatchHolds(condition, tag)) {
      reply.code(304)
      return undefined
    }
  }
  return value ?? undefined
}

function mutatingHandler(
  route: Route,
  db: Database,
  idempotency: Idempotency,
  { caughtUp, load }: Pick<ServingDeps, 'caughtUp' | 'load'>,
): RouteHandlerMethod {
  const status = successStatuses(route)[0] ?? 200
  const type = typeOf(route)
  const carryOut = async (ctx: BaseCtx, request: FastifyRequest, reply: FastifyReply): Promise<Answer> => {
    const staged = new StagedReply(status)
    const value = await route.handler(ctx, request, staged)
    return answerOf(staged, value, reply, type)
  }
  return async function mutate(request, reply) {
    if (route.schema.body === undefined) refuseBody(request)
    const ctx = inTenant(request.ctx)
    const header = request.headers['idempotency-key']
    const perform = () => carryOut(ctx, request, reply)
    load.running += 1
    try {
      const answer =
        header === undefined
          ? await db.transaction(ctx, perform)
          : await idempotency.run(
              ctx,
              {
                key: idempotencyKeyOf(header),
                method: request.method,
                url: request.url,
                body: request.body,
                secret: route.secretResponse === true,
              },
              perform,
            )
      // Another process may have made the write that the caller is told of now.
      if (answer.replayed) await caughtUp()
      return sendAnswer(answer, reply)
    } catch (error) {
      if (isError(error, errors.precondition_failed)) await caughtUp()
      throw error
    } finally {
      load.running -= 1
    }
  }
}

function typeOf({ dialect }: Route): string {
  return dialect ? `${dialect.mediaType}; charset=utf-8` : JSON_TYPE
}

function answerOf({ status, headers }: StagedReply, value: unknown, reply: FastifyReply, type: string): Answer {
  if (value === null || value === undefined || status === 204) return { status, headers, body: null, replayed: false }
  if (headers['content-type'] !== undefined && (typeof value === 'string' || value instanceof Uint8Array)) {
    return { status, headers, body: typeof value === 'string' ? value : Buffer.from(value), replayed: false }
  }
  const serialise: unknown = reply.getSerializationFunction(String(status))
  const body: string = typeof serialise === 'function' ? serialise(value) : JSON.stringify(value)
  return { status, headers: { ...headers, 'content-type': type }, body, replayed: false }
}

function sendAnswer(answer: Answer, reply: FastifyReply): FastifyReply {
  reply.code(answer.status).headers(answer.headers)
  if (answer.replayed) reply.header('idempotent-replayed', 'true')
  return answer.body === null ? reply.send() : reply.send(answer.body)
}

/** A body where none is expected is a mistake of the caller, unless it is empty (`{}`). */
function refuseBody(request: FastifyRequest): void {
  const { body } = request
  if (body === undefined || (typeof body === 'object' && body !== null && Object.keys(body).length === 0)) return
  throw new StoaError(errors.validation_failed, {
    fields: [{ pointer: '/body', code: 'unknown_field', message: 'this operation takes no body' }],
  })
}

/** Refuses two routes that would hide each other in the documentation. @throws TypeError */
export function checkUnique(routes: readonly Route[]): void {
  const seen = new Map<string, Route>()
  for (const route of routes) {
    for (const name of [route.operationId, `${route.method} ${route.url}`]) {
      const other = seen.get(name)
      if (other) throw new TypeError(`two routes are '${name}': ${other.operationId} and ${route.operationId}`)
      seen.set(name, route)
    }
  }
}

/** Registers a route behind its guard. */
export function serve(app: FastifyInstance, route: Route, deps: ServingDeps, guard: onRequestHookHandler): void {
  app.route({
    method: route.method,
    url: route.url,
    schema: fastifySchema(route),
    ...(route.bodyLimitBytes !== undefined && { bodyLimit: route.bodyLimitBytes }),
    config: {
      operationId: route.operationId,
      permission: route.permission,
      ...(route.textBody && { textBody: true }),
      ...(route.formBody && { formBody: true }),
      ...(route.dialect && { dialect: route.dialect }),
      ...(route.waits && { waits: true }),
    },
    onRequest: guard,
    handler: handlerOf(route, deps),
  })
}
