/* Buckets in this process: what takes from them is done before the next one begins, so nothing needs to be locked. */

import { BoundedBuckets } from './bounded-buckets.ts'
import {
  type Bucket,
  beyond,
  changeLimit,
  checkLimit,
  decide,
  fullBucket,
  type Limit,
  pays,
  see,
  settle,
  spend,
} from './bucket.ts'
import { boundedKey } from './bucket-key.ts'
import {
  blankDecision,
  checkLayers,
  type Layer,
  type LayersDecision,
  layersDecision,
  MAX_LAYERS,
  type Store,
} from './layers.ts'
import { checkWhole, refuseUnknown } from './options.ts'

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * How many buckets are kept, about 150 bytes each plus the key (128 characters at most). Fewer saves memory, and
   * forgets busy callers when more keys than this are active at once. 16 – 10 000 000; default 100 000.
   */
  readonly maxBuckets?: number
  /** The time in milliseconds. It should not jump. Default: the monotonic clock of the process. */
  readonly clock?: () => number
}

const MAX_BUCKETS = 10_000_000

/** The smallest store has room for the layers of one take. */
const MIN_BUCKETS = MAX_LAYERS

/** Buckets of one process, by key. */
export class MemoryStore implements Store {
  readonly #buckets: BoundedBuckets
  readonly #clock: () => number

  constructor(maxBuckets: number, clock: () => number) {
    this.#buckets = new BoundedBuckets(maxBuckets)
    this.#clock = clock
  }

  /** The time in milliseconds by which it counts. */
  now(): number {
    return this.#clock()
  }

  /** @throws RangeError when limits, costs or the number of layers make no sense */
  take(layers: readonly Layer[], nowMs: number = this.#clock()): LayersDecision {
    checkLayers(layers, nowMs, false)
    const buckets = this.#bucketsOf(layers, nowMs)
    let allowed = true
    for (let index = 0; index < layers.length; index++) {
      const { cost = 1, shadow } = layers[index] as Layer
      if (shadow !== true && !pays(buckets[index] as Bucket, cost)) allowed = false
    }
    const decisions = layers.map(({ cost = 1, upTo }, index) => {
      const bucket = buckets[index] as Bucket
      const pass = pays(bucket, cost)
      const extra = allowed && pass && upTo !== undefined ? beyond(bucket, cost, upTo) : 0
      if (allowed && pass) spend(bucket, cost + extra)
      const decision = decide(bucket, pass, cost, nowMs, blankDecision())
      if (upTo !== undefined) decision.extra = extra
      return decision
    })
    return layersDecision(layers, decisions, allowed)
  }

  /** @throws RangeError when limits, costs or the number of layers make no sense */
  settle(layers: readonly Layer[], nowMs: number = this.#clock()): LayersDecision {
    checkLayers(layers, nowMs, true)
    const decisions = this.#bucketsOf(layers, nowMs).map((bucket, index) => {
      settle(bucket, layers[index]?.cost ?? 1)
      return decide(bucket, true, 0, nowMs, blankDecision())
    })
    return layersDecision(layers, decisions, true)
  }

  /** How many buckets are kept now. */
  get size(): number {
    return this.#buckets.size
  }

  /**
   * The bucket of a key, which is told the time; made full when there is none. A changed limit applies at once.
   *
   * @throws RangeError when the limit makes no sense
   */
  bucket(key: string, limit: Limit, nowMs: number, policy = ''): Bucket {
    const kept = boundedKey(key)
    const known = this.#buckets.get(policy, kept)
    if (known) return told(known, limit, nowMs)
    checkLimit(limit)
    this.#buckets.makeRoom(1, nowMs)
    const made = fullBucket(limit, nowMs)
    this.#buckets.add(policy, kept, made)
    return made
  }

  /** Forgets a caller, whose bucket is full then. */
  forget(key: string, policy = ''): void {
    this.#buckets.delete(policy, boundedKey(key))
  }

  /** Drops all full buckets, which changes nothing for anybody. Returns how many. */
  sweep(nowMs: number): number {
    return this.#buckets.sweep(nowMs)
  }

  #bucketsOf(layers: readonly Layer[], nowMs: number): Bucket[] {
    const found: Bucket[] = []
    for (const { key, policy = '' } of layers) {
      const known = this.#buckets.get(policy, boundedKey(key))
      if (known) found.push(known)
    }
    const unknown = layers.length - found.length
    if (unknown === 0) return layers.map((layer, index) => told(found[index] as Bucket, layer, nowMs))
    // Room for all of them first, so that none pushes out another. What was found may be gone by then.
    this.#buckets.makeRoom(unknown, nowMs)
    return layers.map((layer) => this.bucket(layer.key, layer, nowMs, layer.policy))
  }
}

/** The bucket, told the time, and its limit when that is another one by now. */
function told(bucket: Bucket, limit: Limit, nowMs: number): Bucket {
  see(bucket, nowMs)
  if (bucket.capacity !== limit.capacity || bucket.perMs !== limit.refillPerSecond / 1000) {
    checkLimit(limit)
    changeLimit(bucket, limit)
  }
  return bucket
}

/**
 * A store in this process. Limits hold per process: with four processes behind one address, up to four times as much
 * passes.
 *
 * @throws RangeError when an option is out of range; TypeError for an option that does not exist
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { maxBuckets = 100_000, clock = () => performance.now(), ...unknown } = options
  refuseUnknown('createMemoryStore', unknown, ['maxBuckets', 'clock'])
  checkWhole('createMemoryStore', 'maxBuckets', maxBuckets, MIN_BUCKETS, MAX_BUCKETS)
  return new MemoryStore(maxBuckets, clock)
}
