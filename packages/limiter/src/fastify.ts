/*
 * For Fastify 4 and 5: a plugin that reads the option `rateLimit` of routes, in their `config` or beside it.
 *
 *   await app.register(fastifyRateLimit)
 *   app.get('/', { config: { rateLimit: { capacity: 100, refillPerSecond: 100 / 60 } } }, handler)
 *
 * It stands in `onRequest`, before the body is read.
 */
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Answer } from './answer.ts'
import { type FieldNames, Gate, type GateOptions, limiterOf, type OriginReader, writeRateLimitFields } from './gate.ts'
import { refusalOf } from './problem.ts'

/** What is used of Fastify's request. */
export interface FastifyRequestLike {
  readonly ip: string
  readonly headers: IncomingHttpHeaders
  readonly raw: { readonly socket: { readonly remoteAddress?: string | undefined } }
}

interface ReplyLike {
  code(status: number): unknown
  header(name: string, value: string): unknown
  send(body: string): unknown
}

type Done = (error?: Error) => void
type Hook = (request: FastifyRequestLike, reply: ReplyLike, done: Done) => void

interface RouteLike {
  readonly method: string | readonly string[]
  readonly url: string
  readonly config?: unknown
  onRequest?: unknown
}

/** What is used of Fastify's instance. Its own types say much more than a package without them can repeat. */
export interface FastifyLike {
  addHook(name: never, hook: never): unknown
  decorateRequest(name: never, value: never): unknown
}

/** The option `rateLimit` of a route. `false`: not limited, also when the plugin limits all routes. */
export type FastifyRouteLimit<R = FastifyRequestLike> = false | Omit<GateOptions<R>, 'limiter' | 'store'>

/**
 * Options of {@link fastifyRateLimit}. With a limit of its own (`capacity`, or `layers`) it holds for every route that
 * has none, all in one bucket.
 */
export type FastifyRateLimitOptions<R = FastifyRequestLike> = GateOptions<R>

/**
 * The plugin. Register it before the routes. `request.rateLimit` is the answer, for {@link answerOf}.
 *
 * @throws RangeError, TypeError when the options make no sense; those of a route when it is added
 */
export async function fastifyRateLimit<R extends FastifyRequestLike = FastifyRequestLike>(
  app: FastifyLike,
  options: FastifyRateLimitOptions<R> = {},
): Promise<void> {
  const { limiter: given, store, ...shared } = options
  const limiter = limiterOf('fastifyRateLimit', { ...(given && { limiter: given }), ...(store && { store }) })
  const general = shared.capacity !== undefined || shared.layers !== undefined
  const standard = general ? hookOf(new Gate<R>('fastifyRateLimit', { ...shared, limiter }, origin)) : null
  const { trustedProxies, key } = shared
  const inherited = { ...(trustedProxies && { trustedProxies }), ...(key && { key }) }
  const hooks = new Map<string, Hook>()

  const onRoute = (route: RouteLike): void => {
    const own = limitOf<R>(route)
    if (own === false) return
    const hook = own === undefined ? standard : hookOfRoute(route, own)
    if (hook !== null) route.onRequest = [hook, ...[route.onRequest ?? []].flat()]
  }
  app.decorateRequest('rateLimit' as never, null as never)
  app.addHook('onRoute' as never, onRoute as never)

  function hookOfRoute(route: RouteLike, own: Omit<GateOptions<R>, 'limiter' | 'store'>): Hook {
    const name = own.name ?? nameOf(route)
    // Fastify adds HEAD to a GET by itself, with the same options: they share the bucket.
    const known = isHead(route) ? hooks.get(name) : undefined
    if (known !== undefined) return known
    const taken = limiter.policies.some((policy) => policy.name === name)
    const unique = taken ? `${name}#${limiter.policies.length}` : name
    const base = own.layers === undefined ? inherited : { ...(trustedProxies && { trustedProxies }) }
    const hook = hookOf(new Gate<R>(`rateLimit of ${name}`, { ...base, ...own, name: unique, limiter }, origin))
    hooks.set(name, hook)
    return hook
  }
}

// What Fastify's own plugins say to be part of the application that registers them, instead of one inside of it.
Object.assign(fastifyRateLimit, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@stoa/limiter',
})

/** Fastify makes small letters of them: these are already, and cost it nothing. */
const LOWER: FieldNames = { policy: 'ratelimit-policy', limit: 'ratelimit', retryAfter: 'retry-after' }

function hookOf<R extends FastifyRequestLike>(gate: Gate<R>): Hook {
  const finish = (answer: Answer, request: FastifyRequestLike, reply: ReplyLike, done: Done): void => {
    try {
      ;(request as { rateLimit?: Answer }).rateLimit = answer
      writeRateLimitFields(answer, (name, value) => reply.header(name, value), LOWER)
    } catch (error) {
      done(error as Error)
      return
    }
    if (answer.allowed) done()
    else refuse(answer, reply)
  }
  return function rateLimit(request, reply, done) {
    let answer: Answer | Promise<Answer> | null
    try {
      answer = gate.check(request as R)
    } catch (error) {
      done(error as Error)
      return
    }
    if (answer === null) done()
    else if (answer instanceof Promise) answer.then((late) => finish(late, request, reply, done), done)
    else finish(answer, request, reply, done)
  }
}

function refuse(answer: Answer, reply: ReplyLike): void {
  const { status, body } = refusalOf(answer)
  reply.code(status)
  reply.header('Content-Type', 'application/problem+json')
  reply.send(body)
}

const origin: OriginReader<FastifyRequestLike> = {
  address: ({ ip }) => ip,
  peer: ({ raw }) => raw.socket.remoteAddress ?? '',
  forwardedFor: ({ headers }) => headers['x-forwarded-for'],
}

function limitOf<R>(route: RouteLike): FastifyRouteLimit<R> | undefined {
  const { config, rateLimit } = route as { config?: { rateLimit?: unknown }; rateLimit?: unknown }
  return (rateLimit ?? config?.rateLimit) as FastifyRouteLimit<R> | undefined
}

function methodsOf({ method }: RouteLike): readonly string[] {
  return typeof method === 'string' ? [method] : method
}

function isHead(route: RouteLike): boolean {
  return methodsOf(route).join() === 'HEAD'
}

/** `GET:/links/:id`: a name of at most 64 characters. */
function nameOf(route: RouteLike): string {
  const methods = methodsOf(route).filter((method) => method !== 'HEAD')
  const name = `${methods.join('+') || 'GET'}:${route.url.replaceAll(/[^\x21-\x7e]/g, '_')}`
  if (name.length <= 64) return name
  return `${name.slice(0, 48)}~${createHash('sha256').update(route.url).digest('base64url').slice(0, 12)}`
}
