/*
 * The assembly. It is made of parts that know nothing of each other:
 *
 *   node:http → [lanes] → Fastify → [request id, headers] → [guard] → [body, validation] → [transaction, idempotency] → handler
 *                   ↘ unknown route, malformed request, error → problem+json
 *
 * The root hook does what every answer needs and nothing else. What depends on the route (the guard, the serialiser,
 * the meter) is made once per route at start, so that a request runs through closures that already know.
 */
import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Database } from '@stoa/db'
import { type Clock, type ErrorSpec, type Logger, StoaError } from '@stoa/kernel'
import type { Limiter, Store } from '@stoa/limiter'
import { type Health, type Metrics, readTraceparent } from '@stoa/telemetry'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { onResponse } from './access-log.ts'
import { answerClientError, FailureLog, frameworkErrors, useProblems } from './answers.ts'
import type { AuthScheme } from './auth.ts'
import { Claims, RequestHost } from './claims.ts'
import { useCrossOrigin } from './cors.ts'
import { createCursors } from './cursor.ts'
import { serveDocs } from './docs-page.ts'
import { drain, SilentConnections } from './drain.ts'
import { collectEndpoints, type Endpoint } from './endpoints.ts'
import { Guard, type RouteMeter } from './guard.ts'
import { type AnswerHeaders, answerHeaders, writeAnswerHeaders } from './headers.ts'
import { Idempotency } from './idempotency.ts'
import { checkUrlText, useJsonBodies } from './json-body.ts'
import { Lanes, type OpenLane } from './lane.ts'
import { LoadGuard } from './load.ts'
import { checkMounts, type Mount, serveMount } from './mount.ts'
import { checkErrorCodes } from './openapi.ts'
import { type HttpConfig, type HttpOptions, resolveHttpOptions } from './options.ts'
import type { PlanView } from './plans.ts'
import { protocolErrors } from './protocol-errors.ts'
import { type UnreadForwarding, watchForProxies } from './proxy-watch.ts'
import { Limits, openLimiter } from './rate-limit.ts'
import { RequestCtx, rememberAddresses } from './request-ctx.ts'
import { useRequestExtras } from './request-extras.ts'
import { requestIds } from './request-id.ts'
import { isTransactional, type Route } from './route.ts'
import { useSerialisation } from './serialisation.ts'
import { checkUnique, type ServingDeps, serve } from './serving.ts'
import { serveSystem } from './system-routes.ts'
import { beginSpan, enterSpan, useSpans } from './tracing.ts'
import { Upgrades } from './upgrade.ts'
import { useValidation } from './validation.ts'

/** What {@link createHttp} stands on. */
export interface HttpDeps {
  readonly log: Logger
  readonly clock: Clock
  /** The routes, from {@link defineRoute}. */
  readonly routes: readonly Route[]
  /** What answers below a path of its own. Default: nothing. */
  readonly mounts?: readonly Mount[]
  /** How callers prove who they are; asked in this order. */
  readonly schemes: readonly AuthScheme[]
  /** A secret of this installation for a purpose; the same on every node and across restarts. */
  readonly secret: (purpose: string, bytes?: number) => Buffer
  /** Where callers' buckets are. Default: in this process, and then each node counts for itself. */
  readonly limitStore?: Store
  /** Which tenants have other limits than those of the options. Default: none. */
  readonly plans?: PlanView
  /** Needed as soon as a route with a permission writes. */
  readonly db?: Database
  /**
   * Called before a caller is told of a write that another process may have made: by a replayed answer, or by 412.
   * Resolves when this process gives nothing that is older; it is waited for, so it must not take long, and never
   * rejects. Default: nothing is kept here that could be older.
   */
  readonly caughtUp?: () => Promise<void>
  readonly health?: Health
  readonly metrics?: Metrics
  /** Whether requests get spans. Default: they do not. */
  readonly tracing?: { readonly enabled: boolean }
  /**
   * Called once, when a proxy seems to be in front that `trustedProxies` does not name. Default: a warning in the log.
   */
  readonly onUnreadForwarding?: (seen: UnreadForwarding) => void
  /**
   * Called when a drain stops listening: connections that stay open by themselves (streams, WebSockets) have to be ended
   * now, or they hold the drain up until `drainTimeoutMs`.
   */
  readonly onDrain?: () => void
  /** Error tables of the modules, for the documentation. */
  readonly errors?: readonly Readonly<Record<string, ErrorSpec>>[]
  /** Tag → what its operations have in common, in a sentence, for the documentation. Default: none is said. */
  readonly tags?: Readonly<Record<string, string>>
}

/** A running assembly. */
export interface Http extends AsyncDisposable {
  /** The application, for `inject` and for what has no route of its own. */
  readonly app: FastifyInstance
  /** Everything that is answered, documented or not. */
  readonly endpoints: readonly Endpoint[]
  /**
   * Starts to listen. Gives the address: `http://127.0.0.1:3000`. @throws Error when the port is taken or not allowed
   */
  listen(): Promise<string>
  /** Where it listens; null before {@link listen}. */
  readonly address: string | null
  /** How many connections are open. In a drain that has stopped listening, each is one of a request that runs. */
  connections(): Promise<number>
  /** Stops in order: not ready, no new connections, running requests finish within `drainTimeoutMs`. Never throws. */
  drain(): Promise<void>
}

/**
 * Makes the HTTP side of a program.
 *
 * @throws StoaError `invalid_options`
 * @throws TypeError when two routes collide, a route names an unknown error, or a route writes and there is no database
 */
export async function createHttp(options: HttpOptions, deps: HttpDeps): Promise<Http> {
  const config = resolveHttpOptions(options)
  checkUnique(deps.routes)
  checkMounts(deps.mounts ?? [])
  checkErrorCodes(deps.routes, deps.errors)
  const assembly: Assembly = {
    ...{ config, deps, headers: answerHeaders(config.hstsSeconds), state: { draining: false } },
    ...openParts(config, deps),
  }
  const Response = responseOf(assembly.state)
  const app = fastifyOf(assembly, Response)
  assembly.upgrades.use(app, Response)
  rememberAddresses(app.server)
  openLanes(app, assembly)
  const endpoints = collectEndpoints(app)
  useHooks(app, assembly)
  serveRoutes(app, assembly)
  await app.ready()
  return running(app, endpoints, assembly)
}

/** What is opened, and closed at the end. */
interface Parts {
  readonly load: LoadGuard
  readonly limiter: Limiter
  readonly limits: Limits
  readonly guard: Guard
  readonly failures: FailureLog
  readonly upgrades: Upgrades
  readonly claims: Claims
  /** null: no route writes. */
  readonly idempotency: Idempotency | null
  readonly meterOf: (method: string, url: string) => RouteMeter
}

interface Assembly extends Parts {
  readonly config: HttpConfig
  readonly deps: HttpDeps
  readonly headers: AnswerHeaders
  readonly state: { draining: boolean }
}

function openParts(config: HttpConfig, deps: HttpDeps): Parts {
  const load = new LoadGuard(config, config.measureLoad)
  const limiter = openLimiter(deps)
  const limits = new Limits(limiter, config, deps.plans)
  const upgrades = new Upgrades(deps.routes, config.corsOrigins)
  return {
    load,
    limiter,
    limits,
    upgrades,
    claims: new Claims(
      deps.routes,
      (deps.mounts ?? []).flatMap(({ hosts }) => (hosts ? [hosts] : [])),
      new RequestHost(config.trustedProxies),
    ),
    guard: new Guard({ schemes: deps.schemes, limits, load, upgrades }),
    failures: new FailureLog(deps.log, deps.clock),
    idempotency: idempotencyOf(deps),
    meterOf: (method, url) => deps.metrics?.httpRoute(method, url) ?? noMeter,
  }
}

/** Requests go to the lanes first, when there are any: see lane.ts for when there are none. */
function openLanes({ server }: FastifyInstance, assembly: Assembly): void {
  const { claims: all, config, deps, limits, load, meterOf, state } = assembly
  if (deps.tracing?.enabled || config.accessLog === 'all') return
  const open = deps.routes.flatMap((route): OpenLane[] => {
    const { claims = null, lane, method, url } = route
    return lane ? [{ lane, claims, policy: limits.own(route), meter: meterOf(method, url) }] : []
  })
  const [longWay] = server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[]
  if (open.length === 0 || longWay === undefined) return
  const lanes = new Lanes(open, {
    ...{ ...config, load },
    isOfMount: (host) => all.baseOf(host) !== null,
    keepsAlive: () => !state.draining && !server.maxRequestsPerSocket,
  })
  server.removeAllListeners('request')
  server.on('request', (request, response) => lanes.serve(request, response, longWay))
}

/** What holds for every request, whatever it asks for. */
function useHooks(app: FastifyInstance, { config, deps, failures, guard, headers, meterOf }: Assembly): void {
  useJsonBodies(app)
  useValidation(app)
  useSerialisation(app)
  useRequestExtras(app, createCursors(deps.secret('http/cursors', 32)))
  if (deps.tracing?.enabled) useSpans(app)
  app.addHook('onRequest', rootHook(config, deps, headers))
  app.addHook('onResponse', onResponse(config, meterOf('*', 'unknown')))
  useCrossOrigin(app, config.corsOrigins)
  useProblems(app, failures, (request, reply, done) => guard.anonymous(request, reply, done))
}

/** What is answered: health and metrics, the document and its page, the operations. */
function serveRoutes(app: FastifyInstance, assembly: Assembly): void {
  const { config, deps, guard, idempotency, load, meterOf, upgrades } = assembly
  const {
    caughtUp = async () => undefined,
    db = null,
    errors = [],
    health = null,
    metrics = null,
    routes,
    schemes,
    tags,
  } = deps
  const { description, metricsToken, title, version } = config
  serveSystem(app, { health, metrics, metricsToken, inFlight: () => load.running, meterOf })
  if (config.docs) {
    serveDocs(
      app,
      { title, description, version, routes, schemes, errors, limits: config, ...(tags && { tags }) },
      (url) => guard.open(meterOf('GET', url)),
    )
  }
  const serving: ServingDeps = { db, idempotency, load, caughtUp, upgrades }
  for (const route of routes) serve(app, route, serving, guard.of(route, meterOf(route.method, route.url)))
  serveMounts(app, assembly)
}

function serveMounts(app: FastifyInstance, assembly: Assembly): void {
  const { claims, config, deps, failures, guard, limits, load, meterOf } = assembly
  for (const mount of deps.mounts ?? []) {
    const { lanes = [], prefix, rateLimit } = mount
    const own = rateLimit ? limits.named(`mount:${prefix}`, rateLimit) : null
    const others = lanes.map((lane) => ({ lane, policy: limits.named(`mount:${prefix}${lane.name}`, lane.rateLimit) }))
    const bucketOf = ({ url }: FastifyRequest) => {
      const [path = ''] = url.split('?', 1)
      return others.find(({ lane }) => lane.takes(path))?.policy ?? own
    }
    serveMount(app, mount, {
      ...{ load, claims },
      bodyLimitBytes: config.bodyLimitBytes,
      guard: guard.mount(meterOf('*', `${prefix}*`), bucketOf),
      failed: (error, request) => failures.note(error, request),
    })
  }
}

function running(app: FastifyInstance, endpoints: readonly Endpoint[], assembly: Assembly): Http {
  const { config, deps, idempotency, limiter, load, state } = assembly
  let address: string | null = null
  let draining: Promise<void> | null = null
  const silent = new SilentConnections(app.server)
  const drainOnce = (): Promise<void> => {
    state.draining = true
    draining ??= drain(app, silent, config, deps)
    return draining
  }
  return {
    app,
    endpoints,
    get address() {
      return address
    },
    async listen() {
      app.server.maxConnections = config.maxConnections
      address = await app.listen({ host: config.host, port: config.port, backlog: BACKLOG })
      return address
    },
    connections: () => new Promise((resolve) => app.server.getConnections((_error, count = 0) => resolve(count))),
    drain: drainOnce,
    async [Symbol.asyncDispose]() {
      await drainOnce()
      load[Symbol.dispose]()
      await idempotency?.[Symbol.asyncDispose]()
      await limiter[Symbol.asyncDispose]()
    },
  }
}

/**
 * Connections that may wait until they are accepted. When another node dies, all who were connected there come at once;
 * who finds no room is silent until its TCP tries again, after 1, 3 and 7 s. The kernel takes the lesser of this and its own
 * limit (`net.core.somaxconn`, 4,096 by default).
 */
const BACKLOG = 16_384

const noMeter: RouteMeter = { observe: () => undefined }

function fastifyOf(
  { claims, config, deps, headers, upgrades }: Assembly,
  Response: typeof ServerResponse,
): FastifyInstance {
  return Fastify({
    ...(!claims.areNone && { rewriteUrl: claims.urlOf }),
    bodyLimit: config.bodyLimitBytes,
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    genReqId: requestIds(deps.clock) as never,
    requestTimeout: config.requestTimeoutMs,
    keepAliveTimeout: config.keepAliveTimeoutMs,
    return503OnClosing: false,
    routerOptions: { maxParamLength: config.maxParamLength },
    http: {
      maxHeaderSize: config.maxHeaderBytes,
      headersTimeout: config.headersTimeoutMs,
      connectionsCheckingInterval: 1000,
      ServerResponse: Response,
      shouldUpgradeCallback: upgrades.wanted,
    },
    frameworkErrors: frameworkErrors(headers) as never,
    clientErrorHandler: (error, socket) => answerClientError(deps.clock, error, socket),
  })
}

/** What is answered during a drain closes its connection and says so, also when the request came before. */
function responseOf(state: Assembly['state']): typeof ServerResponse {
  return class extends ServerResponse {
    // Two parameters or three, as they come: a list of them would be made for each answer.
    override writeHead(status: number, reason?: unknown, headers?: unknown): this {
      if (state.draining) this.shouldKeepAlive = false
      return super.writeHead(status, reason as string, headers as OutgoingHttpHeaders)
    }
  } as typeof ServerResponse
}

function idempotencyOf(deps: HttpDeps): Idempotency | null {
  const writes = deps.routes.some(isTransactional)
  if (!writes || deps.db === undefined) return null
  const { db, clock, log } = deps
  return new Idempotency({ db, clock, log, secret: deps.secret('http/idempotency', 32) })
}

/** What every request gets: its context, and the headers of its answer. */
function rootHook(config: HttpConfig, deps: HttpDeps, headers: AnswerHeaders) {
  const traced = deps.tracing?.enabled === true
  const watch = watchForProxies(deps.onUnreadForwarding ?? warnOfProxy(deps.log))
  return function prepare(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    const { traceparent } = request.headers
    const traceId =
      (traced ? beginSpan(request) : null) ??
      (traceparent === undefined ? null : (readTraceparent(traceparent)?.traceId ?? null))
    request.ctx = new RequestCtx(deps.log, deps.clock, request, traceId, reply.raw)
    writeAnswerHeaders(headers, request, reply)
    watch(request)
    const flaw = addressFlaw(request.url, config.maxUrlBytes)
    if (flaw) done(flaw)
    else if (traced) enterSpan(request, done)
    else done()
  }
}

function warnOfProxy(log: Logger) {
  return (seen: UnreadForwarding): void =>
    log.warn(
      seen,
      'a proxy seems to be in front and is not trusted: all its visitors share one bucket. See trustedProxies',
    )
}

function addressFlaw(url: string, maxBytes: number): StoaError | null {
  if (url.length > maxBytes) return new StoaError(protocolErrors.uri_too_long)
  return checkUrlText(url)
}
