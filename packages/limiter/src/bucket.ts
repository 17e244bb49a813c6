/*
 * The arithmetic of a token bucket, without any store:
 *
 *   tokens(now) = min(capacity, tokens(at) + (now - at) × rate)      for now ≥ at, else tokens(at)
 *
 * A bucket is born full. A refused take leaves it untouched, so hammering costs a caller nothing and cannot push the refill away, and no rounding
 * error gathers. When the clock goes back, time stands still for the bucket until the clock is again where it was: the same second never
 * fills twice. (A sliding window of time stamps would be exact too, at `capacity` numbers per caller; a fixed window lets twice the
 * limit through at its edge.)
 */

/** A limit: bursts of up to `capacity`, and `refillPerSecond` in the long run. In any time T at most `capacity + refillPerSecond × T` pass. */
export interface Limit {
  /** Tokens in a full bucket: the largest burst. A whole number, 1 – 1 000 000 000. */
  readonly capacity: number
  /** Tokens that come back per second. 0.000001 – 1 000 000 000; fractions are fine (`1 / 60` is one a minute). */
  readonly refillPerSecond: number
}

/** The answer to a take. */
export interface Decision {
  allowed: boolean
  /** Whole tokens left. */
  remaining: number
  /** The capacity. */
  limit: number
  /** Milliseconds until the bucket is full again, if nothing is taken; rounded up. */
  resetAfterMs: number
  /** Milliseconds until the same take would be allowed, rounded up; 0 when it was allowed, Infinity when its cost is above the capacity. */
  retryAfterMs: number
}

/** What is kept of a caller. */
export interface Bucket {
  tokens: number
  /** When `tokens` was true, in milliseconds. */
  atMs: number
  capacity: number
  perMs: number
}

/** Forgives the rounding of floating point: who waits for `retryAfterMs` must not be refused for a billionth of a token. */
const ROUNDING = 1e-9

const MAX_CAPACITY = 1_000_000_000
const MIN_REFILL = 0.000_001

/** @throws RangeError when the limit makes no sense */
export function checkLimit(limit: Limit): void {
  const { capacity, refillPerSecond } = limit
  if (!(capacity >= 1 && capacity <= MAX_CAPACITY && Number.isInteger(capacity))) {
    throw new RangeError(`capacity must be a whole number from 1 to ${MAX_CAPACITY} (got ${capacity})`)
  }
  if (!(refillPerSecond >= MIN_REFILL && refillPerSecond <= MAX_CAPACITY)) {
    throw new RangeError(`refillPerSecond must be from ${MIN_REFILL} to ${MAX_CAPACITY} (got ${refillPerSecond})`)
  }
}

/** @throws RangeError when a cost is negative or not finite, or the time is not finite */
export function checkTake(cost: number, nowMs: number): void {
  if (!(cost >= 0 && cost < Number.POSITIVE_INFINITY)) throw new RangeError(`cost must be 0 or more (got ${cost})`)
  if (!Number.isFinite(nowMs)) throw new RangeError(`nowMs must be a time in milliseconds (got ${nowMs})`)
}

/** How many tokens the bucket holds now. */
export function tokensAt(bucket: Bucket, nowMs: number): number {
  const elapsed = nowMs - bucket.atMs
  if (elapsed <= 0) return Math.min(bucket.capacity, bucket.tokens)
  return Math.min(bucket.capacity, bucket.tokens + elapsed * bucket.perMs)
}

/** Milliseconds until the bucket is full. */
export function fullAfterMs(bucket: Bucket, nowMs: number): number {
  const behindMs = Math.max(0, bucket.atMs - nowMs)
  const missing = bucket.capacity - tokensAt(bucket, nowMs)
  return missing <= ROUNDING ? 0 : behindMs + missing / bucket.perMs
}

/** Whether `tokens` pay for `cost`. */
export function pays(tokens: number, cost: number): boolean {
  return tokens + ROUNDING >= cost
}

/** Takes the cost out of the bucket, which holds `tokens` now. */
export function spend(bucket: Bucket, tokens: number, cost: number, nowMs: number): void {
  bucket.tokens = Math.max(0, tokens - cost)
  if (nowMs > bucket.atMs) bucket.atMs = nowMs
}

/** Writes the answer into `into`. */
export function decide(bucket: Bucket, allowed: boolean, cost: number, nowMs: number, into: Decision): Decision {
  const tokens = tokensAt(bucket, nowMs)
  into.allowed = allowed
  into.remaining = Math.floor(tokens + ROUNDING)
  into.limit = bucket.capacity
  into.resetAfterMs = Math.ceil(fullAfterMs(bucket, nowMs))
  into.retryAfterMs = allowed || pays(tokens, cost) ? 0 : payableAfterMs(bucket, tokens, cost, nowMs)
  return into
}

function payableAfterMs(bucket: Bucket, tokens: number, cost: number, nowMs: number): number {
  if (cost > bucket.capacity) return Number.POSITIVE_INFINITY
  return Math.ceil(Math.max(0, bucket.atMs - nowMs) + (cost - tokens) / bucket.perMs)
}
