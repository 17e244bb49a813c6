/*
 * Who is let in how often. A caller with credentials passes two buckets at once: its own (for all operations, or for
 * one that declares a limit) and its tenant's. One without passes its address's. Answers say how the buckets stand
 * (draft-ietf-httpapi-ratelimit-headers). A tenant that has a plan has the plan's limits for its callers and itself
 * (plans.ts); what an operation or a caller declares for itself stays.
 *
 * Every policy is `local` to a failure of its store: without Redis, each process counts for itself, and no request
 * fails for it.
 */
import { type Clock, errors, type Logger, OutageLog, StoaError } from '@stoa/kernel'
import {
  type Answer,
  callerOf,
  createLimiter,
  createMemoryStore,
  type Limiter,
  type Policy,
  retryAfterSeconds,
  type Store,
  writeRateLimitFields,
} from '@stoa/limiter'
import type { Principal } from './auth.ts'
import type { PlanLimits, PlanView } from './plans.ts'
import type { RateLimit, Route } from './route.ts'

/** Limits that hold where a route says nothing else. */
export interface StandardLimits {
  /** Of each caller, for all operations without a limit of their own. */
  readonly rateLimit: RateLimit
  /** Of all callers of a tenant together. */
  readonly tenantRateLimit: RateLimit
  /** Of each address, for what comes without credentials, or with wrong ones. */
  readonly anonymousRateLimit: RateLimit
}

/** One limit of an operation, as its documentation shows it. */
export interface ShownLimit extends RateLimit {
  /** As in the header fields: `default`, `tenant`, `anonymous`, or the operation's id. */
  readonly policy: string
  /** Whose bucket it is. */
  readonly per: 'key' | 'tenant' | 'address'
}

/** The limits of an operation. */
export function shownLimits(route: Route, standard: StandardLimits): ShownLimit[] {
  const shown = (policy: string, per: ShownLimit['per'], { capacity, refillPerSecond }: RateLimit): ShownLimit => {
    return { policy, per, capacity, refillPerSecond }
  }
  if (route.permission === null) {
    const { operationId, rateLimit } = route
    return [
      rateLimit ? shown(operationId, 'address', rateLimit) : shown('anonymous', 'address', standard.anonymousRateLimit),
    ]
  }
  const own = route.rateLimit
    ? shown(route.operationId, 'key', route.rateLimit)
    : shown('default', 'key', standard.rateLimit)
  return [own, shown('tenant', 'tenant', standard.tenantRateLimit)]
}

/** A limiter on a store, or on buckets in this process: then each node counts for itself. */
export function openLimiter(deps: {
  readonly clock: Clock
  readonly log: Logger
  readonly limitStore?: Store
}): Limiter {
  const store = deps.limitStore ?? createMemoryStore({ clock: () => deps.clock.now() })
  const outages = new OutageLog(
    {
      away: 'the store of the limits failed: they hold in each process by itself',
      still: 'the store of the limits still fails: they hold in each process by itself',
      back: 'the store of the limits answers again',
    },
    deps,
  )
  return createLimiter({
    store,
    onStoreFailure: (err) => outages.failed(err),
    onStoreBack: () => outages.worked(),
  })
}

/** A node may take this part of a bucket in advance where the buckets are elsewhere. */
const LEASED_PART = 1 / 60

/** The limits of routes. */
export class Limits {
  readonly #limiter: Limiter
  readonly #standard: Policy
  readonly #tenant: Policy
  readonly #anonymous: Policy
  readonly #own = new Map<string, Policy>()
  readonly #plans: PlanView | null

  /** @param plans which tenants have other limits than these. Default: none */
  constructor(limiter: Limiter, standard: StandardLimits, plans: PlanView | null = null) {
    this.#limiter = limiter
    this.#standard = limiter.policy('default', leased(standard.rateLimit))
    this.#tenant = limiter.policy('tenant', leased(standard.tenantRateLimit))
    this.#anonymous = limiter.policy('anonymous', standard.anonymousRateLimit)
    this.#plans = plans
    plans?.follow((all) => {
      this.#standard.change({ plans: limitsOf(all, 'rateLimit') })
      this.#tenant.change({ plans: limitsOf(all, 'tenantRateLimit') })
    })
  }

  /** The policy of a route with a limit of its own; null when it has none. */
  own(route: Route): Policy | null {
    const { lane, operationId, rateLimit } = route
    if (rateLimit === undefined) return null
    const known = this.#own.get(operationId)
    if (known) return known
    const policy = this.#limiter.policy(operationId, lane ? leased(rateLimit) : rateLimit)
    this.#own.set(operationId, policy)
    return policy
  }

  /** A policy by its own name, for what is no operation. */
  named(name: string, rateLimit: RateLimit): Policy {
    return this.#limiter.policy(name, rateLimit)
  }

  /** Takes for a caller with credentials, who has `own` for this operation. */
  takeKnown(principal: Principal, own: Policy | null): Answer | Promise<Answer> {
    const { limitKey, rateLimit, tenant } = principal
    const caller = own ?? this.#standard
    const plan = this.#plans?.of(tenant.id)
    const byPlan = plan === undefined ? undefined : { plan }
    const limit = own === null && rateLimit !== undefined ? { limit: rateLimit } : byPlan
    return this.#limiter.take([caller.of(limitKey, limit), this.#tenant.of(tenant.id, byPlan)])
  }

  /** Takes for whoever calls from an address. */
  takeUnknown(address: string, own: Policy | null): Answer | Promise<Answer> {
    return (own ?? this.#anonymous).take(callerOf(address))
  }
}

function limitsOf(plans: ReadonlyMap<string, PlanLimits>, which: keyof PlanLimits): Record<string, RateLimit> {
  return Object.fromEntries([...plans].map(([name, limits]) => [name, limits[which]]))
}

function leased({ capacity, refillPerSecond }: RateLimit) {
  return { capacity, refillPerSecond, leaseTokens: Math.floor(capacity * LEASED_PART) }
}

/** Where the header fields go. */
export interface HeaderSink {
  header(name: string, value: string): unknown
}

/** Writes how the buckets stand, and gives the refusal when one is empty. */
export function judge(answer: Answer, reply: HeaderSink): StoaError | null {
  writeRateLimitFields(answer, (name, value) => reply.header(name, value))
  if (answer.allowed) return null
  return new StoaError(errors.rate_limited, {
    retryAfterSeconds: retryAfterSeconds(answer) ?? 1,
    context: { policy: answer.strictest.policy.name },
  })
}
