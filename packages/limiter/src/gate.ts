/*
 * What all adapters share: whose call it is, what it takes, and which header fields say so. An adapter gives the
 * request's parts and writes the answer in its framework's way.
 */
import { type Answer, GivenAnswer, type LayerAnswer } from './answer.ts'
import { ClientAddress, callerOf } from './client-address.ts'
import { limitFieldOf, policyFieldOf, retryAfterSeconds } from './headers.ts'
import type { Store } from './layers.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { refuseUnknown } from './options.ts'
import type { Ask, Policy, PolicySettings } from './policy.ts'

/** Options of every adapter, beside those of its policy. */
export interface GateOptions<R> extends Partial<PolicySettings> {
  /**
   * Names the policy in header fields and begins the keys of its buckets: programs that share a store and a name share
   * limits. Default `default`.
   */
  readonly name?: string
  /** A limiter to be shared with others. Default: one of its own. */
  readonly limiter?: Limiter
  /** Where the buckets of its own limiter are. Default: in this process. */
  readonly store?: Store
  /**
   * Addresses and CIDR ranges of the proxies in front; from them alone `X-Forwarded-For` is believed. Default: none,
   * and then the address is what the framework says.
   */
  readonly trustedProxies?: readonly string[]
  /** Who is limited; null: this request is not. Default: the client's address, IPv6 by its /64. */
  readonly key?: (request: R) => string | null
  /** Tokens that a request takes. Default: 1. */
  readonly cost?: (request: R) => number
  /** Whose limit of `plans` it is. Default: the policy's own. */
  readonly plan?: (request: R) => string | undefined
  /**
   * Several policies at once (per key, per tenant, per address), instead of the one that the options describe. None:
   * not limited.
   */
  readonly layers?: (request: R, caller: string) => readonly Ask[]
}

/** Reads where a request comes from: one by one, because most limits need the address alone. */
export interface OriginReader<R> {
  /** What the framework takes for the client's address. */
  address(request: R): string
  /** Who is at the other end of the connection. */
  peer(request: R): string
  forwardedFor(request: R): string | readonly string[] | undefined
}

const USED_WITH_LAYERS = ['limiter', 'store', 'trustedProxies', 'layers']

/** Asks a policy, or several, about each request. */
export class Gate<R> {
  readonly limiter: Limiter
  readonly #options: GateOptions<R>
  readonly #policy: Policy | null
  readonly #address: ClientAddress | null
  readonly #origin: OriginReader<R>

  /**
   * @param where the adapter, for messages
   * @throws RangeError, TypeError when the options make no sense
   */
  constructor(where: string, options: GateOptions<R>, origin: OriginReader<R>) {
    const { name = 'default', limiter, store, trustedProxies, key, cost, plan, layers, ...settings } = options
    this.limiter = limiterOf(where, { ...(limiter && { limiter }), ...(store && { store }) })
    this.#options = options
    this.#origin = origin
    this.#address = trustedProxies === undefined ? null : new ClientAddress(trustedProxies)
    if (layers !== undefined) {
      const unused = Object.entries({ key, cost, plan, ...settings }).filter(([, value]) => value !== undefined)
      refuseUnknown(`${where} with layers`, Object.fromEntries(unused), USED_WITH_LAYERS)
    }
    this.#policy = layers === undefined ? this.limiter.policy(name, settings as PolicySettings) : null
  }

  /** Takes for a request. Null when it is not limited. */
  check(request: R): Answer | Promise<Answer> | null {
    const { key, cost, plan, layers } = this.#options
    if (layers !== undefined) {
      const asks = layers(request, this.callerOf(request))
      return asks.length === 0 ? null : this.limiter.take(asks)
    }
    const who = key === undefined ? this.callerOf(request) : key(request)
    if (who === null || this.#policy === null) return null
    if (cost === undefined && plan === undefined) return this.#policy.take(who)
    const of = plan?.(request)
    return this.#policy.take(who, { cost: cost?.(request) ?? 1, ...(of !== undefined && { plan: of }) })
  }

  /** The client's address, IPv6 by its /64. */
  callerOf(request: R): string {
    const origin = this.#origin
    if (this.#address === null) return callerOf(origin.address(request))
    return callerOf(this.#address.of(origin.peer(request), origin.forwardedFor(request)))
  }
}

/** The limiter of an adapter. @throws TypeError when there is a store beside it */
export function limiterOf(where: string, { limiter, store }: Pick<GateOptions<never>, 'limiter' | 'store'>): Limiter {
  if (limiter !== undefined && store !== undefined) {
    throw new TypeError(`${where}: give a limiter or a store; a limiter has its store`)
  }
  return limiter ?? createLimiter(store && { store })
}

/** The names of the header fields. */
export interface FieldNames {
  readonly policy: string
  readonly limit: string
  readonly retryAfter: string
}

const WRITTEN: FieldNames = { policy: 'RateLimit-Policy', limit: 'RateLimit', retryAfter: 'Retry-After' }

/** Writes the header fields that say how the limits stand. Shadows are not told. @param names default: as they are written */
export function writeRateLimitFields(
  answer: Answer,
  write: (name: string, value: string) => void,
  names: FieldNames = WRITTEN,
): void {
  const only = answer instanceof GivenAnswer ? answer.only : null
  if (only === null) writeEach(answer.layers, write, names)
  else if (!only.policy.settings.shadow) {
    const { decision, limit, policy } = only
    write(names.policy, policyFieldOf(policy.name, limit))
    if (decision !== null) write(names.limit, limitFieldOf(policy.name, decision))
  }
  if (answer.allowed) return
  const seconds = retryAfterSeconds(answer)
  if (seconds !== null) write(names.retryAfter, String(seconds))
}

function writeEach(
  layers: readonly LayerAnswer[],
  write: (name: string, value: string) => void,
  names: FieldNames,
): void {
  let policies = ''
  let limits = ''
  for (const { policy, limit, decision } of layers) {
    if (policy.settings.shadow) continue
    policies += (policies && ', ') + policyFieldOf(policy.name, limit)
    if (decision !== null) limits += (limits && ', ') + limitFieldOf(policy.name, decision)
  }
  if (policies) write(names.policy, policies)
  if (limits) write(names.limit, limits)
}

/**
 * What a limiter said to a request, for its handler: to refund it, or to charge more. Undefined when it was not
 * limited.
 */
export function answerOf(request: object): Answer | undefined {
  const { rateLimit } = request as { readonly rateLimit?: Answer | null }
  return rateLimit ?? undefined
}
