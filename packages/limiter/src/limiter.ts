/*
 * Policies over a store. In this order a call is answered, the first that knows wins:
 *
 *   a refusal that is still true ─▶ tokens of a lease ─▶ the store, within its time limit ─▶ what the policy says for a failure
 *
 * Only the third one waits. A call of several layers is all or nothing through all of these: a lease is put back when
 * the store refuses.
 */
import { type Answer, type AnswerSource, GivenAnswer, type LayerAnswer } from './answer.ts'
import { checkSettlement, checkTake, type Decision, type Limit } from './bucket.ts'
import { boundedKey } from './bucket-key.ts'
import { Denials } from './denials.ts'
import {
  blankDecision,
  bucketName,
  checkLayers,
  type Layer,
  type LayersDecision,
  MAX_LAYERS,
  type Store,
} from './layers.ts'
import { Leases } from './leases.ts'
import { createMemoryStore, MemoryStore } from './memory-store.ts'
import { checkWhole, refuseUnknown } from './options.ts'
import { type Ask, Policy, type PolicySettings, type Taker } from './policy.ts'
import { type CircuitState, StoreGuard } from './store-guard.ts'
import { takeFrom } from './take.ts'
import { answerWithoutStore } from './without-store.ts'

/** Options of {@link createLimiter}. */
export interface LimiterOptions {
  /** Where the buckets are. Default: in this process, 100,000 of them. */
  readonly store?: Store
  /** How long a call waits for the store, in milliseconds; longer is a failure. 1 – 60 000; default 200. */
  readonly timeoutMs?: number
  /** So many calls in a row have to fail until the store is left alone. 1 – 1000; default 5. */
  readonly breakerFailures?: number
  /** For how long it is left alone then, in milliseconds, before one call tries again. 10 – 600 000; default 1000. */
  readonly breakerCoolMs?: number
  /** Refusals that are remembered, about 200 bytes each plus the key. 0: none. 0 – 10 000 000; default 100 000. */
  readonly maxRemembered?: number
  /** Keys with leases, about 400 bytes each plus the key. 1 – 10 000 000; default 100 000. */
  readonly maxLeases?: number
  /** Buckets in this process while the store cannot be asked. 16 – 10 000 000; default 100 000. */
  readonly maxLocalBuckets?: number
  /** Told of each failure of the store: for the log. Default: nobody is. */
  readonly onStoreFailure?: (error: unknown) => void
  /** Told when the store answers again: for the log. Default: nobody is. */
  readonly onStoreBack?: () => void
  /** The time of this process in milliseconds. It should not jump. Default: the monotonic clock. */
  readonly clock?: () => number
}

type Settings = Required<Omit<LimiterOptions, 'store'>>

/** Policies over one store. */
export class Limiter implements Taker, AsyncDisposable {
  readonly #store: Store
  /** The store when it is in this process: it never fails, and nothing is remembered or leased. */
  readonly #memory: MemoryStore | null
  readonly #clock: () => number
  readonly #timeoutMs: number
  readonly #guard: StoreGuard
  readonly #denials: Denials
  readonly #leases: Leases
  readonly #local: MemoryStore
  readonly #policies = new Map<string, Policy>()
  readonly #giving = new Set<Promise<unknown>>()

  constructor(store: Store, settings: Settings) {
    const { clock, timeoutMs, breakerFailures: failures, breakerCoolMs: coolMs, onStoreFailure: onFailure } = settings
    const { onStoreBack: onBack } = settings
    this.#store = store
    this.#memory = store instanceof MemoryStore ? store : null
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#guard = new StoreGuard({ failures, coolMs, clock, onFailure, onBack })
    this.#denials = new Denials(settings.maxRemembered)
    this.#leases = new Leases(settings.maxLeases, clock, (ask, tokens) => this.#giveBack(ask, tokens))
    this.#local = createMemoryStore({ maxBuckets: settings.maxLocalBuckets, clock })
  }

  /** Makes a policy. @throws RangeError, TypeError when its settings make no sense, or there is one of this name */
  policy(name: string, settings: PolicySettings): Policy {
    if (this.#policies.has(name)) throw new RangeError(`there is a policy '${name}' already`)
    const made = new Policy(name, settings, this)
    this.#policies.set(name, made)
    return made
  }

  /** The policies, in the order in which they were made. */
  get policies(): readonly Policy[] {
    return [...this.#policies.values()]
  }

  /** How the store does: `open` means that it failed and is not asked. */
  get storeState(): CircuitState {
    return this.#guard.state
  }

  /** What this process keeps now, to be watched. */
  get sizes(): { readonly remembered: number; readonly leases: number; readonly localBuckets: number } {
    return { remembered: this.#denials.size, leases: this.#leases.size, localBuckets: this.#local.size }
  }

  /**
   * Takes from several policies at once, all or nothing, in one call of the store.
   *
   * @throws RangeError (or rejects) when there are no or more than 16 layers, two share policy and key, or cost or
   * limit make no sense; never
   *   because of the store
   */
  take(asks: readonly Ask[]): Answer | Promise<Answer> {
    const layers = asks.map(layerOf)
    if (this.#memory === null) {
      checkLayers(layers, 0, false)
      return this.#attempt(asks, this.#clock() + this.#timeoutMs)
    }
    const taken = this.#memory.take(layers)
    const answered = asks.map((ask, index) => layerAnswer(ask, taken.layers[index] as Decision, 'store'))
    return this.#answer(taken.allowed, answered)
  }

  /**
   * Takes from one policy; see {@link Policy.take}. With buckets in this process it makes two objects and asks nobody
   * twice.
   */
  takeOne(policy: Policy, key: string, cost: number, limit: Limit): Answer | Promise<Answer> {
    const { shadow } = policy.settings
    if (this.#memory !== null && !shadow) {
      const nowMs = this.#memory.now()
      checkTake(cost, nowMs)
      const bucket = this.#memory.bucket(key, limit, nowMs, policy.name)
      const decision = takeFrom(bucket, cost, nowMs, blankDecision())
      if (decision.allowed) policy.counts.allowed += 1
      else policy.counts.refused += 1
      const layer: LayerAnswer = { policy, key, cost, limit, decision, source: 'store' }
      return new GivenAnswer(decision.allowed, layer, this)
    }
    const ask = { policy, key: boundedKey(key), cost, limit }
    if (shadow) return this.take([ask])
    checkTake(cost, 0)
    const name = bucketOf(ask)
    if (policy.leaseTokensOf(limit) === 0) return this.#askAlone(ask, name)
    if (cost > 0 && this.#leases.pays(name, cost)) {
      if (this.#leases.runsOut(name)) this.#fillUp(ask, name)
      return this.#answer(true, this.#fromLease(ask, name))
    }
    return this.#attempt([ask], this.#clock() + this.#timeoutMs)
  }

  /** See {@link Policy.passes}. */
  passesOne(policy: Policy, key: string): boolean | Promise<boolean> {
    const { leaseTokens, shadow } = policy.settings
    if (this.#memory === null && !shadow && leaseTokens > 0) {
      const name = bucketName({ policy: policy.name, key: boundedKey(key) })
      if (this.#leases.pays(name, 1)) {
        if (this.#leases.runsOut(name)) this.#fillUp(policy.of(key), name)
        policy.counts.allowed += 1
        return true
      }
    }
    const answer = policy.take(key)
    return answer instanceof Promise ? answer.then(({ allowed }) => allowed) : answer.allowed
  }

  /** Moves tokens without asking; see {@link Policy.charge} and {@link Policy.refund}. */
  async settle(ask: Ask, tokens: number): Promise<boolean> {
    checkSettlement(tokens, 0)
    const layer = { ...layerOf(ask), cost: tokens }
    this.#denials.forget(bucketOf(ask))
    if (this.#memory !== null) {
      this.#memory.settle([layer])
      return true
    }
    try {
      await this.#guard.call(() => this.#store.settle([layer]), this.#timeoutMs)
      return true
    } catch (error) {
      if (error instanceof RangeError) throw error
      return false
    }
  }

  /** Moves tokens of the bucket that stood in for the store. */
  settleHere(ask: Ask, tokens: number): boolean {
    this.#local.settle([{ ...layerOf(ask), cost: tokens }])
    return true
  }

  /** Gives leases back, now. Resolves when they are, or the store could not be asked. */
  async giveBack(): Promise<void> {
    this.#leases.giveBackIdle(true)
    await Promise.all(this.#giving)
  }

  /** Gives leases back and ends the timer. The store's client stays its owner's to close. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leases.close()
    await Promise.all(this.#giving)
  }

  /** {@link #attempt} for one policy without leases, which needs none of its lists. */
  #askAlone(ask: Ask, name: string): Answer | Promise<Answer> {
    const askedMs = this.#clock()
    const denial = this.#denials.of(name, ask.cost, ask.limit, askedMs)
    if (denial !== null) return this.#answer(false, { ...ask, decision: denial, source: 'remembered' })
    const layers = [layerOf(ask)]
    return new Promise((resolve, reject) => {
      // Nobody catches what these throw.
      const safely = (answer: () => Answer): void => {
        try {
          resolve(answer())
        } catch (error) {
          reject(error)
        }
      }
      const answered = (decided: LayersDecision) =>
        safely(() => {
          const decision = decided.layers[0] as Decision
          if (!decided.allowed) this.#denials.note(name, ask.cost, ask.limit, decision, askedMs)
          return this.#answer(decided.allowed, layerAnswer(ask, decision, 'store'))
        })
      const failed = (error: unknown) =>
        safely(() => {
          if (error instanceof RangeError) throw error
          return this.#withoutStore([ask])
        })
      this.#guard.ask(() => this.#store.take(layers), this.#timeoutMs, answered, failed)
    })
  }

  /** Answers from what this node knows, else asks the store. */
  #attempt(asks: readonly Ask[], deadlineMs: number): Answer | Promise<Answer> {
    const nowMs = this.#clock()
    const parts = asks.map((ask) => this.#part(ask, nowMs))
    if (parts.some(({ denial, ask }) => denial !== null && !ask.policy.settings.shadow))
      return this.#refuseUnasked(parts)
    const waits = parts.find(({ leases, missing, key }) => leases && missing > 0 && this.#leases.pending(key) !== null)
    if (waits !== undefined) return this.#attemptAfter(waits, asks, deadlineMs)
    for (const { held, key } of parts) if (held > 0) this.#leases.spend(key, held)
    const asked = parts.filter(({ denial, missing, leases }) => denial === null && (missing > 0 || !leases))
    if (asked.length > 0) return this.#ask(asks, parts, asked, deadlineMs)
    for (const { ask, key, leases } of parts) if (leases && this.#leases.runsOut(key)) this.#fillUp(ask, key)
    return this.#answer(
      true,
      parts.map((part) => this.#unasked(part)),
    )
  }

  /** Waits for another's call for the lease of a layer, no longer than its own would take. */
  #attemptAfter({ key, ask }: Part, asks: readonly Ask[], deadlineMs: number): Promise<Answer> {
    this.#leases.want(key, ask.cost)
    return new Promise((resolve, reject) => {
      let waiting = true
      const go = (next: () => Answer | Promise<Answer>): void => {
        if (!waiting) return
        waiting = false
        clearTimeout(timer)
        this.#leases.want(key, -ask.cost)
        try {
          resolve(next())
        } catch (error) {
          reject(error)
        }
      }
      const timer = setTimeout(() => go(() => this.#withoutStore(asks)), Math.max(0, deadlineMs - this.#clock()))
      this.#leases.pending(key)?.then(() => go(() => this.#attempt(asks, deadlineMs)))
    })
  }

  #part(ask: Ask, nowMs: number): Part {
    const key = bucketOf(ask)
    const leases = ask.cost > 0 && ask.policy.leaseTokensOf(ask.limit) > 0
    const held = leases ? Math.min(ask.cost, this.#leases.tokens(key)) : 0
    const missing = ask.cost - held
    const denial = missing > 0 || !leases ? this.#denials.of(key, missing, ask.limit, nowMs) : null
    return { ask, key, leases, held: denial === null ? held : 0, missing, denial }
  }

  async #ask(
    asks: readonly Ask[],
    parts: readonly Part[],
    asked: readonly Part[],
    deadlineMs: number,
  ): Promise<Answer> {
    const askedMs = this.#clock()
    const layers = asked.map((part) => this.#layer(part))
    let decided: LayersDecision
    try {
      decided = await this.#guard.call(() => this.#store.take(layers), deadlineMs - askedMs)
    } catch (error) {
      this.#unspend(parts)
      for (const { leases, key } of asked) if (leases) this.#leases.end(key, null, 0)
      if (error instanceof RangeError) throw error
      return this.#withoutStore(asks)
    }
    if (!decided.allowed) this.#unspend(parts)
    const decisions = new Map<Part, Decision>()
    for (const [index, part] of asked.entries()) {
      const decision = decided.layers[index] as Decision
      const { key, leases, missing, ask } = part
      if (!decision.allowed) this.#denials.note(key, missing, ask.limit, decision, askedMs)
      if (leases) {
        this.#leases.end(key, decision.extra ?? 0, decision.remaining)
        decision.remaining = this.#leases.left(key)
      } else decision.remaining += Math.floor(this.#leases.tokens(key))
      decisions.set(part, decision)
    }
    return this.#answer(
      decided.allowed,
      parts.map((part) => {
        const decision = decisions.get(part)
        return decision === undefined ? this.#unasked(part) : { ...part.ask, decision, source: 'store' }
      }),
    )
  }

  #layer({ ask, key, leases, missing }: Part): Layer {
    const { capacity, refillPerSecond } = ask.limit
    const { shadow } = ask.policy.settings
    const layer = {
      policy: ask.policy.name,
      key: ask.key,
      capacity,
      refillPerSecond,
      cost: missing,
      ...(shadow && { shadow }),
    }
    if (!leases) return layer
    const wanted = this.#leases.begin(key, ask)
    return { ...layer, upTo: missing + wanted + ask.policy.leaseTokensOf(ask.limit) }
  }

  /** Fills a lease up while it still pays. */
  #fillUp(ask: Ask, key: string): void {
    const missing = Math.floor(ask.policy.leaseTokensOf(ask.limit) - this.#leases.tokens(key))
    const wanted = this.#leases.begin(key, ask)
    const layer = { ...layerOf(ask), cost: 0, upTo: missing + wanted }
    this.#guard
      .call(() => this.#store.take([layer]), this.#timeoutMs)
      .then(
        ({ layers: [decision] }) => this.#leases.end(key, decision?.extra ?? 0, decision?.remaining ?? 0),
        () => this.#leases.end(key, null, 0),
      )
  }

  #unspend(parts: readonly Part[]): void {
    for (const { key, held, ask } of parts) if (held > 0) this.#leases.unspend(key, held, ask)
  }

  /** What a layer says that the store was not asked about: its lease pays, or it is a shadow whose refusal is known. */
  #unasked({ ask, key, denial }: Part): LayerAnswer {
    return denial === null ? this.#fromLease(ask, key) : { ...ask, decision: denial, source: 'remembered' }
  }

  #fromLease(ask: Ask, key: string): LayerAnswer {
    const { capacity, refillPerSecond } = ask.limit
    const remaining = Math.min(capacity, this.#leases.left(key))
    const resetAfterMs = Math.ceil(((capacity - remaining) / refillPerSecond) * 1000)
    return layerAnswer(ask, { allowed: true, remaining, limit: capacity, resetAfterMs, retryAfterMs: 0 }, 'lease')
  }

  #withoutStore(asks: readonly Ask[]): Answer {
    for (const { policy } of asks) policy.counts.withoutStore += 1
    return this.#count(answerWithoutStore(asks, this.#local, this, this.#guard.retryAfterMs))
  }

  #refuseUnasked(parts: readonly Part[]): Answer {
    return this.#answer(
      false,
      parts.map(({ ask, denial }) => ({
        ...ask,
        decision: denial,
        source: denial === null ? 'unasked' : 'remembered',
      })),
    )
  }

  #answer(allowed: boolean, layers: LayerAnswer | readonly LayerAnswer[]): Answer {
    return this.#count(new GivenAnswer(allowed, layers, this))
  }

  #count(answer: Answer): Answer {
    const only = answer instanceof GivenAnswer ? answer.only : null
    if (only !== null) count(only)
    else for (const layer of answer.layers) count(layer)
    return answer
  }

  #giveBack(ask: Ask, tokens: number): void {
    const given = this.settle(ask, -tokens).finally(() => this.#giving.delete(given))
    this.#giving.add(given)
  }
}

/** One layer of a call. */
interface Part {
  readonly ask: Ask
  /** Of its bucket. */
  readonly key: string
  /** Whether its policy leases. */
  readonly leases: boolean
  /** Tokens that a lease pays. */
  readonly held: number
  /** Tokens that the store must pay. */
  readonly missing: number
  /** The refusal that the store would give. */
  readonly denial: Decision | null
}

/** The key of a bucket: policies do not share theirs. */
function bucketOf({ policy, key }: Ask): string {
  return bucketName({ policy: policy.name, key })
}

function count({ policy, decision, source }: LayerAnswer): void {
  if (source === 'unasked') return
  const passes = decision?.allowed ?? source === 'open'
  if (passes) policy.counts.allowed += 1
  else if (policy.settings.shadow) policy.counts.shadowRefused += 1
  else policy.counts.refused += 1
}

/** Field by field: every request gets one, and a spread costs as much as all the rest of it. */
function layerAnswer(ask: Ask, decision: Decision, source: AnswerSource): LayerAnswer {
  const { policy, key, cost, limit } = ask
  return { policy, key, cost, limit, decision, source }
}

function layerOf(ask: Ask): Layer {
  const { cost, limit, policy } = ask
  const { capacity, refillPerSecond } = limit
  const { shadow } = policy.settings
  const layer = { policy: policy.name, key: ask.key, capacity, refillPerSecond, cost }
  return shadow ? { ...layer, shadow } : layer
}

/**
 * A limiter.
 *
 * @throws RangeError when an option is out of range; TypeError for an option that does not exist
 */
export function createLimiter(options: LimiterOptions = {}): Limiter {
  const {
    store = createMemoryStore(),
    clock = () => performance.now(),
    onStoreFailure = () => undefined,
    onStoreBack = () => undefined,
    ...others
  } = options
  const { timeoutMs = 200, breakerFailures = 5, breakerCoolMs = 1000, ...sizes } = others
  const { maxRemembered = 100_000, maxLeases = 100_000, maxLocalBuckets = 100_000, ...unknown } = sizes
  const settings = { timeoutMs, breakerFailures, breakerCoolMs, maxRemembered, maxLeases, maxLocalBuckets }
  refuseUnknown('createLimiter', unknown, ['store', ...Object.keys(settings), 'onStoreFailure', 'onStoreBack', 'clock'])
  const check = (name: keyof typeof settings, min: number, max: number) =>
    checkWhole('createLimiter', name, settings[name], min, max)
  check('timeoutMs', 1, 60_000)
  check('breakerFailures', 1, 1000)
  check('breakerCoolMs', 10, 600_000)
  check('maxRemembered', 0, 10_000_000)
  check('maxLeases', 1, 10_000_000)
  check('maxLocalBuckets', MAX_LAYERS, 10_000_000)
  return new Limiter(store, { ...settings, onStoreFailure, onStoreBack, clock })
}
