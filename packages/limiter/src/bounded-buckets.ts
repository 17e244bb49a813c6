/*
 * A bounded number of buckets. A caller that does nothing is a full bucket, and a full bucket is the same as none: it
 * can be dropped without letting anybody through. So when there are too many, each new one looks at a few others in
 * turn and drops the full ones; when none of those is full, the one that would be full soonest. A flood of new keys
 * therefore pushes out idle callers first; what it can win is a fresh bucket for somebody who was nearly full anyway.
 *
 * Buckets are in a map per policy, because a key that is put together from two texts must be read as a whole before it
 * can be looked up.
 */
import { type Bucket, fullAfterMs } from './bucket.ts'

/** How many buckets are looked at to make room for one. */
const LOOK_AT = 8

type OfPolicy = Map<string, Bucket>

/** Buckets by policy and key. */
export class BoundedBuckets {
  readonly #max: number
  readonly #policies = new Map<string, OfPolicy>()
  #size = 0
  /** Where the looking goes on: the policy after this one, and the bucket of this one. */
  #turn: MapIterator<OfPolicy>
  #looked: OfPolicy = new Map()
  #next: MapIterator<[string, Bucket]>

  constructor(max: number) {
    this.#max = max
    this.#turn = this.#policies.values()
    this.#next = this.#looked.entries()
  }

  get size(): number {
    return this.#size
  }

  get(policy: string, key: string): Bucket | undefined {
    return this.#policies.get(policy)?.get(key)
  }

  /** Adds a bucket of a key that has none. */
  add(policy: string, key: string, bucket: Bucket): void {
    let ofPolicy = this.#policies.get(policy)
    if (ofPolicy === undefined) {
      ofPolicy = new Map()
      this.#policies.set(policy, ofPolicy)
    }
    ofPolicy.set(key, bucket)
    this.#size += 1
  }

  delete(policy: string, key: string): void {
    const ofPolicy = this.#policies.get(policy)
    if (ofPolicy !== undefined) this.#drop(ofPolicy, key)
  }

  /** Makes room for so many new ones. */
  makeRoom(count: number, nowMs: number): void {
    while (this.#size > 0 && this.#size + count > this.#max) this.#dropSome(nowMs)
  }

  /** Drops all full buckets. Returns how many. */
  sweep(nowMs: number): number {
    const before = this.#size
    for (const ofPolicy of this.#policies.values()) {
      for (const [key, bucket] of ofPolicy) if (fullAfterMs(bucket, nowMs) === 0) this.#drop(ofPolicy, key)
    }
    return before - this.#size
  }

  #drop(ofPolicy: OfPolicy, key: string): void {
    if (ofPolicy.delete(key)) this.#size -= 1
  }

  #dropSome(nowMs: number): void {
    let nearest: readonly [OfPolicy, string] | null = null
    let nearestMs = Number.POSITIVE_INFINITY
    let dropped = 0
    const looks = Math.min(LOOK_AT, this.#size)
    for (let look = 0; look < looks; look++) {
      const [key, bucket] = this.#following()
      const waitMs = fullAfterMs(bucket, nowMs)
      if (waitMs === 0) {
        this.#drop(this.#looked, key)
        dropped += 1
      } else if (waitMs < nearestMs) {
        nearest = [this.#looked, key]
        nearestMs = waitMs
      }
    }
    if (dropped === 0 && nearest !== null) this.#drop(...nearest)
  }

  /** The next bucket in turn; after the last one comes the first. There must be one. */
  #following(): [string, Bucket] {
    for (;;) {
      const step = this.#next.next()
      if (!step.done) return step.value
      let turn = this.#turn.next()
      if (turn.done) {
        this.#turn = this.#policies.values()
        turn = this.#turn.next()
      }
      this.#looked = turn.value as OfPolicy
      this.#next = this.#looked.entries()
    }
  }
}
