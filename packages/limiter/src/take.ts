import { type Bucket, checkLimit, checkTake, type Decision, decide, type Limit, pays, spend } from './bucket.ts'
import { type MemoryStore, MIN_BUCKETS } from './memory-store.ts'

/**
 * Takes `cost` tokens out of the bucket of `key`, or none.
 *
 * @param key who is limited, by what: `login:203.0.113.7`. Two limits for one caller need two keys
 * @param cost tokens, 0 or more; 0 only looks. Default 1
 * @param nowMs the time in milliseconds. It should not jump: the default is the monotonic clock of the process, and a store must be asked by
 *   one clock only
 * @param into written and returned instead of a new object, for a path where no garbage may be made
 * @throws RangeError when limit, cost or time make no sense
 */
export function takeToken(
  store: MemoryStore,
  key: string,
  limit: Limit,
  cost = 1,
  nowMs: number = performance.now(),
  into: Decision = blank(),
): Decision {
  checkTake(cost, nowMs)
  const bucket = store.bucket(key, limit, nowMs)
  const allowed = pays(bucket, cost)
  if (allowed) spend(bucket, cost)
  return decide(bucket, allowed, cost, nowMs, into)
}

/** One of several limits that a call must pass. */
export interface Layer extends Limit {
  /** As in {@link takeToken}; each layer has its own. */
  readonly key: string
  /** Tokens, 0 or more. Default 1. */
  readonly cost?: number
}

/** The answer to a take of several layers. */
export interface LayersDecision {
  readonly allowed: boolean
  /** The layers' answers in their order. `allowed` says whether the layer by itself would have let the call pass. */
  readonly layers: readonly Decision[]
  /** The place of the layer that decides: when refused, the one to wait for longest; when allowed, the one with the smallest share left. */
  readonly strictest: number
}

/**
 * Takes from several buckets at once (per address, per key, per tenant), all or nothing: a call that one layer refuses costs the others nothing.
 *
 * @throws RangeError as {@link takeToken}; when there are no or more than 16 layers, or two share a key
 */
export function takeTokens(
  store: MemoryStore,
  layers: readonly Layer[],
  nowMs: number = performance.now(),
): LayersDecision {
  const buckets = bucketsOf(store, layers, nowMs)
  const passes = buckets.map((bucket, index) => pays(bucket, layers[index]?.cost ?? 1))
  const allowed = passes.every(Boolean)
  const decisions = buckets.map((bucket, index) => {
    const cost = layers[index]?.cost ?? 1
    if (allowed) spend(bucket, cost)
    return decide(bucket, passes[index] ?? false, cost, nowMs, blank())
  })
  return { allowed, layers: decisions, strictest: strictestOf(decisions, allowed) }
}

function bucketsOf(store: MemoryStore, layers: readonly Layer[], nowMs: number): Bucket[] {
  if (layers.length === 0 || layers.length > MIN_BUCKETS) {
    throw new RangeError(`a take has 1 to ${MIN_BUCKETS} layers (got ${layers.length})`)
  }
  if (new Set(layers.map((layer) => layer.key)).size < layers.length) {
    throw new RangeError('two layers must not share a key')
  }
  for (const layer of layers) {
    checkTake(layer.cost ?? 1, nowMs)
    checkLimit(layer)
  }
  store.reserve(layers.length, nowMs)
  return layers.map((layer) => store.bucket(layer.key, layer, nowMs))
}

function strictestOf(decisions: readonly Decision[], allowed: boolean): number {
  const weight = (decision: Decision) => (allowed ? -decision.remaining / decision.limit : decision.retryAfterMs)
  let strictest = 0
  for (const [index, decision] of decisions.entries()) {
    const best = decisions[strictest]
    if (best && weight(decision) > weight(best)) strictest = index
  }
  return strictest
}

function blank(): Decision {
  return { allowed: false, remaining: 0, limit: 0, resetAfterMs: 0, retryAfterMs: 0 }
}
