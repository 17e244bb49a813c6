/*
 * What stands before every route, in this order:
 *
 *   overloaded?  → who is asking → their bucket → the permission → the precondition
 *
 * and only then the body is read and validated. A caller without (valid) credentials takes from the bucket of its
 * network, so guessing keys is as limited as anything else. It runs on callbacks: with a cached key and buckets in
 * memory, a request passes without one promise.
 */
import { errors, type Resource, requirePermission, requirePermissionOrOwn, StoaError } from '@stoa/kernel'
import type { Answer, Policy } from '@stoa/limiter'
import type { RouteMetrics } from '@stoa/telemetry'
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { type AuthScheme, authenticate, type Principal, unknownCaller } from './auth.ts'
import { type LoadGuard, overloadedError } from './load.ts'
import { judge, type Limits } from './rate-limit.ts'
import type { Route, RouteResource } from './route.ts'
import type { Upgrades } from './upgrade.ts'

/** What the guards of all routes share. */
export interface GuardDeps {
  readonly schemes: readonly AuthScheme[]
  readonly limits: Limits
  readonly load: LoadGuard
  readonly upgrades: Pick<Upgrades, 'has'>
}

type Done = (error?: Error) => void
type Pass = (request: FastifyRequest, reply: FastifyReply, done: Done) => void

/** Counts the finished requests of one route. */
export type RouteMeter = RouteMetrics

/** Makes the guards of routes. */
export class Guard {
  readonly #deps: GuardDeps

  constructor(deps: GuardDeps) {
    this.#deps = deps
  }

  /** The `onRequest` hook of a route. `measured` is where the route is counted. */
  of(route: Route, measured: RouteMeter): onRequestHookHandler {
    const own = this.#deps.limits.own(route)
    const { permission } = route
    return counted(measured, permission === null ? this.#public(own) : this.#private(route, permission, own))
  }

  /**
   * The `onRequest` hook of what everybody may have and is no operation: shed under load, and from the bucket of the
   * address.
   *
   * @param own a bucket of its own for each address. Default: the one of all callers without credentials
   */
  open(measured: RouteMeter, own: Policy | null = null): onRequestHookHandler {
    return counted(measured, this.#public(own))
  }

  /** The `onRequest` hook of a mount. @param bucketOf the bucket of a request; null: that of all callers without credentials */
  mount(measured: RouteMeter, bucketOf: (request: FastifyRequest) => Policy | null): onRequestHookHandler {
    return counted(measured, (request, reply, done) => {
      if (this.#isOverloaded(done)) return
      this.#takeUnknown(bucketOf(request), request, reply, done)
    })
  }

  /** Takes from the bucket of the caller's address, as for a route that does not exist. */
  anonymous(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    this.#takeUnknown(null, request, reply, done)
  }

  #public(own: Policy | null): Pass {
    return (request, reply, done) => {
      if (this.#isOverloaded(done)) return
      this.#takeUnknown(own, request, reply, done)
    }
  }

  #private(route: Route, permission: string, own: Policy | null): Pass {
    const refused = refusalOf(route, permission)
    const admit = (principal: Principal, request: FastifyRequest, reply: FastifyReply, done: Done): void => {
      request.ctx.identify(principal)
      const answer = this.#deps.limits.takeKnown(principal, own)
      settle(answer, reply, (limited) => done(limited ?? refused(request)))
    }
    const decide = (principal: Principal | null, request: FastifyRequest, reply: FastifyReply, done: Done): void => {
      if (principal) admit(principal, request, reply, done)
      // A browser cannot add a header to a WebSocket: who it is comes as the first message, and the route sees to it.
      else if (this.#deps.upgrades.has(request)) this.#takeUnknown(null, request, reply, done)
      else this.#refuse(unknownCaller(), request, reply, done)
    }
    return (request, reply, done) => {
      if (this.#isOverloaded(done)) return
      let found: ReturnType<typeof authenticate>
      try {
        found = authenticate(this.#deps.schemes, request)
      } catch (error) {
        this.#refuse(error, request, reply, done)
        return
      }
      if (!(found instanceof Promise)) {
        decide(found, request, reply, done)
        return
      }
      found.then(
        (principal) => decide(principal, request, reply, done),
        (error) => this.#refuse(error, request, reply, done),
      )
    }
  }

  #isOverloaded(done: Done): boolean {
    const reason = this.#deps.load.overloaded
    if (reason === null) return false
    done(overloadedError(reason))
    return true
  }

  /** Wrong credentials cost a token of the address; when it has none left, it is told that instead. */
  #refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, done: Done): void {
    if (!(error instanceof StoaError && error.kind === 'unauthenticated')) {
      done(error as Error)
      return
    }
    reply.header('www-authenticate', this.#deps.schemes.map((scheme) => scheme.challenge).join(', '))
    this.#takeUnknown(null, request, reply, (limited) => done(limited ?? error))
  }

  #takeUnknown(own: Policy | null, request: FastifyRequest, reply: FastifyReply, done: Done): void {
    settle(this.#deps.limits.takeUnknown(request.ip, own), reply, done)
  }
}

function counted(measured: RouteMeter, pass: Pass): onRequestHookHandler {
  return function guard(request, reply, done) {
    request.meter = measured
    pass(request, reply, done)
  }
}

function settle(answer: Answer | Promise<Answer>, reply: FastifyReply, done: Done): void {
  if (answer instanceof Promise) {
    answer.then((late) => judge(late, reply)).then((refused) => (refused ? done(refused) : done()), done)
    return
  }
  const refused = judge(answer, reply)
  if (refused) done(refused)
  else done()
}

function refusalOf(
  { own, resource, updates }: Route,
  permission: string,
): (request: FastifyRequest) => Error | undefined {
  const needsMatch = updates === 'if-match'
  return (request) => {
    try {
      if (own === undefined) requirePermission(request.ctx, permission, resource && resourceOf(request, resource))
      else requirePermissionOrOwn(request.ctx, permission, own)
    } catch (error) {
      return error as Error
    }
    if (needsMatch && request.headers['if-match'] === undefined) return new StoaError(errors.precondition_required)
    return undefined
  }
}

function resourceOf({ params }: FastifyRequest, { kind, param }: RouteResource): Resource {
  return { kind, id: (params as Readonly<Record<string, string>>)[param] ?? '' }
}
