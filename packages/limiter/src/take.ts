import { type Bucket, checkTake, type Decision, decide, type Limit, pays, spend } from './bucket.ts'
import { blankDecision, type Layer, type LayersDecision } from './layers.ts'
import type { MemoryStore } from './memory-store.ts'

/**
 * Takes `cost` tokens out of the bucket of `key`, or none.
 *
 * @param key who is limited, by what: `login:203.0.113.7`. Two limits for one caller need two keys
 * @param cost tokens, 0 or more; 0 only looks. Default 1
 * @param nowMs the time in milliseconds. It should not jump, and a store must be asked by one clock only. Default: the
 * store's
 * @param into written and returned instead of a new object, for a path where no garbage may be made
 * @throws RangeError when limit, cost or time make no sense
 */
export function takeToken(
  store: MemoryStore,
  key: string,
  limit: Limit,
  cost = 1,
  nowMs: number = store.now(),
  into: Decision = blankDecision(),
): Decision {
  checkTake(cost, nowMs)
  return takeFrom(store.bucket(key, limit, nowMs), cost, nowMs, into)
}

/** Takes out of one bucket, or not; cost and time are checked. */
export function takeFrom(bucket: Bucket, cost: number, nowMs: number, into: Decision): Decision {
  const allowed = pays(bucket, cost)
  if (allowed) spend(bucket, cost)
  return decide(bucket, allowed, cost, nowMs, into)
}

/**
 * Takes from several buckets at once (per address, per key, per tenant), all or nothing: a call that one layer refuses
 * costs the others nothing.
 *
 * @throws RangeError as {@link takeToken}; when there are no or more than 16 layers, or two share a key
 */
export function takeTokens(store: MemoryStore, layers: readonly Layer[], nowMs: number = store.now()): LayersDecision {
  return store.take(layers, nowMs)
}
