/*
 * Buckets in this process. A caller that does nothing is a full bucket, and a full bucket is the same as none: it can be dropped without
 * letting anybody through. So when the store is full, each new key looks at a few others in turn and drops the full ones; when none of
 * those is full, the one that would be full soonest. A flood of new keys therefore pushes out idle callers first; what it can win is a fresh
 * bucket for somebody who was nearly full anyway.
 */
import { type Bucket, changeLimit, checkLimit, fullAfterMs, fullBucket, type Limit, see } from './bucket.ts'

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * How many buckets are kept, about 150 bytes each plus the key. Fewer saves memory, and forgets busy callers when more keys than this are
   * active at once. 16 – 10 000 000; default 100 000.
   */
  readonly maxBuckets?: number
}

/** How many buckets are looked at to make room for one. */
const LOOK_AT = 8

const MAX_BUCKETS = 10_000_000

/** The smallest store, and so the most layers that one take can have. */
export const MIN_BUCKETS = 16

/** Buckets of one process, by key. */
export class MemoryStore {
  readonly #buckets = new Map<string, Bucket>()
  readonly #maxBuckets: number
  #next: MapIterator<[string, Bucket]>

  constructor(maxBuckets: number) {
    this.#maxBuckets = maxBuckets
    this.#next = this.#buckets.entries()
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
    const known = this.#buckets.get(key)
    if (known) see(known, nowMs)
    if (known && known.capacity === limit.capacity && known.perMs === limit.refillPerSecond / 1000) return known
    checkLimit(limit)
    if (known) {
      changeLimit(known, limit)
      return known
    }
    if (this.#buckets.size >= this.#maxBuckets) this.#makeRoom(nowMs)
    const made = fullBucket(limit, nowMs)
    this.#buckets.set(key, made)
    return made
  }

  /** Makes room for this many new buckets, so that none of them pushes out another. At most {@link MIN_BUCKETS}. */
  reserve(count: number, nowMs: number): void {
    while (this.#buckets.size + count > this.#maxBuckets) this.#makeRoom(nowMs)
  }

  /** Forgets a caller, whose bucket is full then. */
  forget(key: string): void {
    this.#buckets.delete(key)
  }

  /** Drops all full buckets, which changes nothing for anybody. Returns how many. */
  sweep(nowMs: number): number {
    const before = this.#buckets.size
    for (const [key, bucket] of this.#buckets) {
      if (fullAfterMs(bucket, nowMs) === 0) this.#buckets.delete(key)
    }
    return before - this.#buckets.size
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
  const { maxBuckets = 100_000, ...unknown } = options
  const [name] = Object.keys(unknown)
  if (name !== undefined) throw new TypeError(`createMemoryStore: unknown option '${name}'; there is 'maxBuckets'`)
  if (!(Number.isInteger(maxBuckets) && maxBuckets >= MIN_BUCKETS && maxBuckets <= MAX_BUCKETS)) {
    throw new RangeError(
      `createMemoryStore: maxBuckets must be from ${MIN_BUCKETS} to ${MAX_BUCKETS} (got ${maxBuckets})`,
    )
  }
  return new MemoryStore(maxBuckets)
}
