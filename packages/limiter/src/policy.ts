import type { Answer, TakeOptions } from './answer.ts'
import { checkLimit, type Limit } from './bucket.ts'
import { boundedKey } from './bucket-key.ts'
import { checkWhole, refuseUnknown } from './options.ts'

/**
 * What happens to a call while the store cannot be asked: it passes (`open`), is refused (`closed`), or takes from a
 * bucket in this process (`local`), with which each node lets up to the whole limit through.
 */
export type OnStoreFailure = 'open' | 'closed' | 'local'

/** A limit and how it is kept. */
export interface PolicySettings extends Limit {
  /**
   * Other limits by the name of a plan (`TakeOptions.plan`); who has none of these has the limit itself. Default: none.
   */
  readonly plans?: Readonly<Record<string, Limit>>
  /** While the store cannot be asked. Default `local`. */
  readonly onStoreFailure?: OnStoreFailure
  /**
   * Tokens beyond the cost that a node takes in one call, to spend without one. All nodes together may let so many
   * times their number more through, and a caller may be refused although other nodes hold as many for it. Under
   * another limit (of a plan, say) it is in proportion to the capacity. 0: none; at most the capacity. Default 0.
   */
  readonly leaseTokens?: number
  /** After how long a node gives back what it did not spend, in milliseconds. 10 – 3 600 000; default 1000. */
  readonly leaseMs?: number
  /** Counts what it would refuse, and refuses nothing. Default false. */
  readonly shadow?: boolean
}

/** What a policy did in this process since it began. */
export interface PolicyCounts {
  /** Calls that it let pass; with several layers, whether or not another one refused. */
  allowed: number
  /** Calls that it refused. */
  refused: number
  /** Calls that it would have refused, was it not a shadow. */
  shadowRefused: number
  /** Calls that the store was not asked for, because it could not be. */
  withoutStore: number
}

/** One policy asked about one caller. */
export interface Ask {
  readonly policy: Policy
  /** Who is limited; a long key as its hash. */
  readonly key: string
  /** Tokens. */
  readonly cost: number
  readonly limit: Limit
}

/** What a policy needs of its limiter. */
export interface Taker {
  takeOne(policy: Policy, key: string, cost: number, limit: Limit): Answer | Promise<Answer>
  passesOne(policy: Policy, key: string): boolean | Promise<boolean>
  settle(ask: Ask, tokens: number): Promise<boolean>
}

const NAME = /^[\x21-\x7e]{1,64}$/
const ON_STORE_FAILURE: readonly string[] = ['open', 'closed', 'local'] satisfies OnStoreFailure[]
const KNOWN = ['capacity', 'refillPerSecond', 'plans', 'onStoreFailure', 'leaseTokens', 'leaseMs', 'shadow']

/** A named limit. Made by {@link Limiter.policy}. */
export class Policy {
  /** Names it in header fields, and begins the keys of its buckets. */
  readonly name: string
  readonly counts: PolicyCounts = { allowed: 0, refused: 0, shadowRefused: 0, withoutStore: 0 }
  readonly #taker: Taker
  #settings: Required<PolicySettings>

  constructor(name: string, settings: PolicySettings, taker: Taker) {
    if (!NAME.test(name))
      throw new RangeError(`the name of a policy is 1–64 printable ASCII characters without blanks (got '${name}')`)
    this.name = name
    this.#taker = taker
    this.#settings = complete(name, settings)
  }

  get settings(): Required<PolicySettings> {
    return this.#settings
  }

  /**
   * Changes settings, from the next take on: a bucket that holds more than a smaller capacity is cut, a larger one
   * fills up at its rate. Other nodes are told by whoever told this one.
   *
   * @throws RangeError, TypeError when they make no sense; nothing is changed then
   */
  change(settings: Partial<PolicySettings>): void {
    this.#settings = complete(this.name, { ...this.#settings, ...settings })
  }

  /** Tokens that a node takes in advance for who has this limit: as large a part of it as of the policy's own. */
  leaseTokensOf(limit: Limit): number {
    const { capacity, leaseTokens } = this.#settings
    if (leaseTokens === 0 || limit.capacity === capacity) return leaseTokens
    return Math.floor((leaseTokens * limit.capacity) / capacity)
  }

  /** This policy for one caller, for a take of several. @throws RangeError when a given limit makes no sense */
  of(key: string, options?: TakeOptions): Ask {
    return { policy: this, key: boundedKey(key), cost: options?.cost ?? 1, limit: this.#limit(options) }
  }

  /**
   * Takes. Synchronous when the store is in this process, or a lease or a remembered refusal is the answer.
   *
   * @throws RangeError (or rejects) when cost or limit make no sense; never because of the store
   */
  take(key: string, options?: TakeOptions): Answer | Promise<Answer> {
    return this.#taker.takeOne(this, key, options?.cost ?? 1, this.#limit(options))
  }

  /**
   * Takes one token, for who tells nobody how the bucket stands. Synchronous as {@link take}, and then cheaper: a lease
   * that pays makes no answer.
   */
  passes(key: string): boolean | Promise<boolean> {
    return this.#taker.passesOne(this, key)
  }

  /**
   * Gives tokens back, up to the capacity. False when the store could not be asked. @throws RangeError for a negative
   * number
   */
  refund(key: string, tokens = 1, options?: TakeOptions): Promise<boolean> {
    return this.#taker.settle(this.of(key, options), -positive(tokens))
  }

  /**
   * Takes tokens without asking, for what turned out dearer than thought. It may leave a debt: then nothing passes
   * until that is refilled. False when the store could not be asked. @throws RangeError for a negative number
   */
  charge(key: string, tokens: number, options?: TakeOptions): Promise<boolean> {
    return this.#taker.settle(this.of(key, options), positive(tokens))
  }

  #limit(options: TakeOptions | undefined): Limit {
    if (options?.limit !== undefined) {
      checkLimit(options.limit)
      return options.limit
    }
    const { plans } = this.#settings
    if (options?.plan === undefined || !Object.hasOwn(plans, options.plan)) return this.#settings
    return plans[options.plan] ?? this.#settings
  }
}

function positive(tokens: number): number {
  if (!(tokens >= 0)) throw new RangeError(`tokens must be 0 or more (got ${tokens})`)
  return tokens
}

function complete(name: string, settings: PolicySettings): Required<PolicySettings> {
  const { capacity, refillPerSecond, plans = {}, onStoreFailure = 'local', ...others } = settings
  const { leaseTokens = 0, leaseMs = 1000, shadow = false, ...unknown } = others
  const where = `policy ${name}`
  refuseUnknown(where, unknown, KNOWN)
  checkLimit(settings)
  for (const limit of Object.values(plans)) checkLimit(limit)
  if (!ON_STORE_FAILURE.includes(onStoreFailure)) {
    throw new RangeError(`${where}: onStoreFailure must be open, closed or local (got '${onStoreFailure}')`)
  }
  checkWhole(where, 'leaseTokens', leaseTokens, 0, capacity)
  checkWhole(where, 'leaseMs', leaseMs, 10, 3_600_000)
  return Object.freeze({ capacity, refillPerSecond, plans, onStoreFailure, leaseTokens, leaseMs, shadow })
}
