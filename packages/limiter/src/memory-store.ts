/*
 * Buckets in this process. A caller that does nothing is a full bucket, and a full bucket is the same as none: it can be dropped without
 * letting anybody through. So when the store is full, each new key looks at a few others in turn and drops the full ones; when none of
 * those is full, the one that would be full soonest. A flood of new keys therefore pushes out idle callers first; what it can win is a fresh
 * bucket for somebody who was nearly full anyway.
 */
import {
  type Bucket,
  beyond,
  changeLimit,
  checkLimit,
  type Decision,
  decide,
  fullAfterMs,
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
   * How many buckets are kept, about 150 bytes each plus the key (128 characters at most). Fewer saves memory, and forgets busy callers when
   * more keys than this are active at once. 16 – 10 000 000; default 100 000.
   */
  readonly maxBuckets?: number
  /** The time in milliseconds. It should not jump. Default: the monotonic clock of the process. */
  readonly clock?: () => number
}

/** How many buckets are looked at to make room for one. */
const LOOK_AT = 8

const MAX_BUCKETS = 10_000_000

/** The smallest store has room for the layers of one take. */
const MIN_BUCKETS = MAX_LAYERS

/** Buckets of one process, by key. */
export class MemoryStore implements Store {
  readonly #buckets = new Map<string, Bucket>()
  readonly #maxBuckets: number
  readonly #clock: () => number
  #next: MapIterator<[string, Bucket]>

  constructor(maxBuckets: number, clock: () => number) {
    this.#maxBuckets = maxBuckets
    this.#clock = clock
    this.#next = this.#buckets.entries()
  }

  /** The time in milliseconds by which it counts. */
  now(): number {
    return this.#clock()
  }

  /** @throws RangeError when limits, costs or the number of layers make no sense */
  take(layers: readonly Layer[], nowMs: number = this.#clock()): LayersDecision {
    checkLayers(layers, nowMs, false)
    const buckets = this.#bucketsOf(layers, nowMs)
    const passes = buckets.map((bucket, index) => pays(bucket, layers[index]?.cost ?? 1))
    const allowed = passes.every((pass, index) => pass || layers[index]?.shadow === true)
    const decisions = buckets.map((bucket, index) => {
      const { cost = 1, upTo } = layers[index] as Layer
      const pass = passes[index] === true
      const extra = allowed && pass && upTo !== undefined ? beyond(bucket, cost, upTo) : 0
      if (allowed && pass) spend(bucket, cost + extra)
      const decision: Decision = decide(bucket, pass, cost, nowMs, blankDecision())
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
  bucket(key: string, limit: Limit, nowMs: number): Bucket {
    const kept = boundedKey(key)
    const known = this.#buckets.get(kept)
    if (known) see(known, nowMs)
    if (known && known.capacity === limit.capacity && known.perMs === limit.refillPerSecond / 1000) return known
    checkLimit(limit)
    if (known) {
      changeLimit(known, limit)
      return known
    }
    if (this.#buckets.size >= this.#maxBuckets) this.#makeRoom(nowMs)
    const made = fullBucket(limit, nowMs)
    this.#buckets.set(kept, made)
    return made
  }

  /** Forgets a caller, whose bucket is full then. */
  forget(key: string): void {
    this.#buckets.delete(boundedKey(key))
  }

  /** Drops all full buckets, which changes nothing for anybody. Returns how many. */
  sweep(nowMs: number): number {
    const before = this.#buckets.size
    for (const [key, bucket] of this.#buckets) {
      if (fullAfterMs(bucket, nowMs) === 0) this.#buckets.delete(key)
    }
    return before - this.#buckets.size
  }

  /** Makes room for all of them first, so that none pushes out another. */
  #bucketsOf(layers: readonly Layer[], nowMs: number): Bucket[] {
    const unknown = layers.filter((layer) => !this.#buckets.has(boundedKey(layer.key))).length
    while (this.#buckets.size + unknown > this.#maxBuckets) this.#makeRoom(nowMs)
    return layers.map((layer) => this.bucket(layer.key, layer, nowMs))
  }

  #makeRoom(nowMs: number): void {
    let nearest: string | null = null
    let nearestMs = Number.POSITIVE_INFINITY
    let dropped = 0
    const looks = Math.min(LOOK_AT, this.#buckets.size)
    for (let look = 0; look < looks; look++) {
      const [key, bucket] = this.#following()
      const waitMs = fullAfterMs(bucket, nowMs)
      if (waitMs === 0) {
        this.#buckets.delete(key)
        dropped += 1
      } else if (waitMs < nearestMs) {
        nearest = key
        nearestMs = waitMs
      }
    }
    if (dropped === 0 && nearest !== null) this.#buckets.delete(nearest)
  }

  /** The next bucket in turn; after the last one comes the first. There must be one. */
  #following(): [string, Bucket] {
    let step = this.#next.next()
    if (step.done) {
      this.#next = this.#buckets.entries()
      step = this.#next.next()
    }
    if (step.done) throw new Error('the store is empty')
    return step.value
  }
}

/**
 * A store in this process. Limits hold per process: with four processes behind one address, up to four times as much passes.
 *
 * @throws RangeError when an option is out of range; TypeError for an option that does not exist
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { maxBuckets = 100_000, clock = () => performance.now(), ...unknown } = options
  refuseUnknown('createMemoryStore', unknown, ['maxBuckets', 'clock'])
  checkWhole('createMemoryStore', 'maxBuckets', maxBuckets, MIN_BUCKETS, MAX_BUCKETS)
  return new MemoryStore(maxBuckets, clock)
}
