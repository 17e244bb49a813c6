/*
 * What stands before every route, in this order:
 *
 *   overloaded?  → who is asking → their bucket → the permission → the precondition
 *
 * and only then the body is read and validated. A caller without (valid) credentials takes from the bucket of its network, so guessing keys
 * is as limited as anything else. It runs on callbacks: with a cached key and buckets in memory, a request passes without one promise.
 */
import { errors, requirePermission, StoaError } from '@stoa/kernel'
import type { RouteMetrics } from '@stoa/telemetry'
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { type AuthScheme, authenticate, type Principal, unknownCaller } from './auth.ts'
import { callerNetwork } from './caller-network.ts'
import { type LoadGuard, overloadedError } from './load.ts'
import { type Buckets, judge, type Policy, policyOf } from './rate-limit.ts'
import type { RateLimit, Route } from './route.ts'

/** What the guards of all routes share. */
export interface GuardDeps {
  readonly schemes: readonly AuthScheme[]
  readonly buckets: Buckets
  readonly load: LoadGuard
  readonly rateLimit: RateLimit
  readonly anonymousRateLimit: RateLimit
}

type Done = (error?: Error) => void
type Pass = (request: FastifyRequest, reply: FastifyReply, done: Done) => void

/** Counts the finished requests of one route. */
export type RouteMeter = RouteMetrics

/** Makes the guards of routes. */
export class Guard {
  readonly #deps: GuardDeps
  readonly #shared: Policy
  readonly #anonymous: Policy
  /** Principals with a limit of their own, as policies. */
  readonly #special = new WeakMap<RateLimit, Policy>()

  constructor(deps: GuardDeps) {
    this.#deps = deps
    this.#shared = policyOf('default', deps.rateLimit)
    this.#anonymous = policyOf('anonymous', deps.anonymousRateLimit)
  }

  /** The `onRequest` hook of a route. `measured` is where the route is counted. */
  of(route: Route, measured: RouteMeter): onRequestHookHandler {
    const own = route.rateLimit ? policyOf(route.operationId, route.rateLimit) : null
    const { permission } = route
    const pass = permission === null ? this.#public(own ?? this.#anonymous) : this.#private(route, permission, own)
    return function guard(request, reply, done) {
      request.meter = measured
      pass(request, reply, done)
    }
  }

  /** Takes from the bucket of the caller's address, as for a route that does not exist. */
  anonymous(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    this.#take(this.#anonymous, callerNetwork(request.ip), reply, done)
  }

  #public(policy: Policy): Pass {
    return (request, reply, done) => {
      if (this.#isOverloaded(done)) return
      this.#take(policy, callerNetwork(request.ip), reply, done)
    }
  }

  #private(route: Route, permission: string, own: Policy | null): Pass {
    const needsMatch = route.updates === 'if-match'
    const admit = (principal: Principal, request: FastifyRequest, reply: FastifyReply, done: Done): void => {
      request.ctx.identify(principal.actor, principal.tenant, principal.permissions)
      const policy = own ?? this.#policyOf(principal)
      this.#take(policy, principal.limitKey, reply, (refused) => {
        done(refused ?? refusal(request, permission, needsMatch))
      })
    }
    const decide = (principal: Principal | null, request: FastifyRequest, reply: FastifyReply, done: Done): void => {
      if (principal) admit(principal, request, reply, done)
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

  #policyOf({ rateLimit }: Principal): Policy {
    if (rateLimit === undefined) return this.#shared
    let policy = this.#special.get(rateLimit)
    if (!policy) {
      policy = policyOf('default', rateLimit)
      this.#special.set(rateLimit, policy)
    }
    return policy
  }

  /** Wrong credentials cost a token of the address; when it has none left, it is told that instead. */
  #refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, done: Done): void {
    if (!(error instanceof StoaError && error.kind === 'unauthenticated')) {
      done(error as Error)
      return
    }
    reply.header('www-authenticate', this.#deps.schemes.map((scheme) => scheme.challenge).join(', '))
    this.#take(this.#anonymous, callerNetwork(request.ip), reply, (limited) => done(limited ?? error))
  }

  #take(policy: Policy, key: string, reply: FastifyReply, done: Done): void {
    const decision = this.#deps.buckets.take(policy.keyStart + key, policy)
    if (!(decision instanceof Promise)) {
      const refused = judge(decision, policy, reply)
      if (refused) done(refused)
      else done()
      return
    }
    decision.then((late) => judge(late, policy, reply)).then((refused) => (refused ? done(refused) : done()), done)
  }
}

function refusal(request: FastifyRequest, permission: string, needsMatch: boolean): Error | undefined {
  try {
    requirePermission(request.ctx, permission)
  } catch (error) {
    return error as Error
  }
  if (needsMatch && request.headers['if-match'] === undefined) return new StoaError(errors.precondition_required)
  return undefined
}
