/*
 * The arithmetic of a token bucket, without any store:
 *
 *   tokens = min(capacity, tokens after the last spending + time seen since × rate)
 *
 * A bucket is born full. A refused take changes nothing but the time that was seen, so hammering cannot push the refill
 * away, and no rounding error gathers. Time is the latest that was ever seen: when the clock goes back, it stands still
 * for the bucket until the clock is again where it was, so tokens neither vanish, nor does the same second fill twice,
 * nor comes in again what ran over a full bucket. A charge after the fact may leave a debt, which the refill pays
 * first. (A sliding window of time stamps would be exact too, at `capacity` numbers per caller; a fixed window lets
 * twice the limit through at its edge.)
 */

/**
 * A limit: bursts of up to `capacity`, and `refillPerSecond` in the long run. In any time T at most
 * `capacity + refillPerSecond × T` pass.
 */
export interface Limit {
  /** Tokens in a full bucket: the largest burst. A whole number, 1 – 1 000 000 000. */
  readonly capacity: number
  /** Tokens that come back per second. 0.000001 – 1 000 000 000; fractions are fine (`1 / 60` is one a minute). */
  readonly refillPerSecond: number
}

/** The answer to a take. */
export interface Decision {
  allowed: boolean
  /** Whole tokens left; 0 in debt. */
  remaining: number
  /** The capacity. */
  limit: number
  /** Milliseconds until the bucket is full again, if nothing is taken; rounded up. */
  resetAfterMs: number
  /**
   * Milliseconds until the same take would be allowed, rounded up; 0 when it was allowed, Infinity when its cost is
   * above the capacity.
   */
  retryAfterMs: number
  /** Tokens taken beyond the cost, where the take asked for more (`upTo`). */
  extra?: number
}

/** What is kept of a caller. */
export interface Bucket {
  /** Tokens after the last spending; negative in debt. */
  tokens: number
  /** When that was, in milliseconds. */
  spentMs: number
  /** The latest time that was seen, in milliseconds; never before `spentMs`. */
  seenMs: number
  capacity: number
  perMs: number
}

const MAX_CAPACITY = 1_000_000_000
const MIN_REFILL = 0.000_001
/** A debt ends here: a bucket that holds numbers of another size would lose the small ones. */
const MAX_DEBT = 1_000_000_000

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

/** @throws RangeError when what is charged or refunded is not finite, or above 1 000 000 000 */
export function checkSettlement(cost: number, nowMs: number): void {
  if (!(Math.abs(cost) <= MAX_DEBT))
    throw new RangeError(`a charge or refund must be finite, and at most ${MAX_DEBT} (got ${cost})`)
  if (!Number.isFinite(nowMs)) throw new RangeError(`nowMs must be a time in milliseconds (got ${nowMs})`)
}

/**
 * Forgives the rounding of floating point: who waits for `retryAfterMs` must not be refused for a billionth of a token.
 */
function rounding(bucket: Bucket): number {
  return 1e-9 + bucket.capacity * 1e-12
}

/** A full bucket. */
export function fullBucket(limit: Limit, nowMs: number): Bucket {
  const { capacity, refillPerSecond } = limit
  return { tokens: capacity, spentMs: nowMs, seenMs: nowMs, capacity, perMs: refillPerSecond / 1000 }
}

/** Puts another limit on a bucket: a smaller one cuts what it holds, a larger one fills up at its rate. */
export function changeLimit(bucket: Bucket, limit: Limit): void {
  bucket.tokens = Math.min(limit.capacity, tokensOf(bucket))
  bucket.spentMs = bucket.seenMs
  bucket.capacity = limit.capacity
  bucket.perMs = limit.refillPerSecond / 1000
}

/** Tells the bucket the time. */
export function see(bucket: Bucket, nowMs: number): void {
  if (nowMs > bucket.seenMs) bucket.seenMs = nowMs
}

/** How many tokens the bucket held when it last saw the time. */
function tokensOf(bucket: Bucket): number {
  return Math.min(bucket.capacity, bucket.tokens + (bucket.seenMs - bucket.spentMs) * bucket.perMs)
}

/** Whether the bucket can pay for `cost`. */
export function pays(bucket: Bucket, cost: number): boolean {
  return tokensOf(bucket) + rounding(bucket) >= cost
}

/** Takes the cost out of the bucket. */
export function spend(bucket: Bucket, cost: number): void {
  bucket.tokens = Math.max(0, tokensOf(bucket) - cost)
  bucket.spentMs = bucket.seenMs
}

/** Moves tokens without asking: a charge (above 0) may leave a debt, a refund (below 0) ends at the capacity. */
export function settle(bucket: Bucket, cost: number): void {
  bucket.tokens = Math.max(-MAX_DEBT, Math.min(bucket.capacity, tokensOf(bucket) - cost))
  bucket.spentMs = bucket.seenMs
}

/** Whole tokens that the bucket has beyond `cost`, for who would take `upTo`. It must pay for `cost`. */
export function beyond(bucket: Bucket, cost: number, upTo: number): number {
  return Math.max(0, Math.floor(Math.min(upTo, tokensOf(bucket) + rounding(bucket)) - cost))
}

/** Milliseconds until the bucket is full, without telling it the time. */
export function fullAfterMs(bucket: Bucket, nowMs: number): number {
  return Math.max(0, waitMs(bucket, bucket.capacity, nowMs))
}

/** Writes the answer into `into`. */
export function decide(bucket: Bucket, allowed: boolean, cost: number, nowMs: number, into: Decision): Decision {
  into.allowed = allowed
  into.remaining = Math.max(0, Math.floor(tokensOf(bucket) + rounding(bucket)))
  into.limit = bucket.capacity
  into.resetAfterMs = Math.ceil(fullAfterMs(bucket, nowMs))
  into.retryAfterMs = allowed
    ? 0
    : cost > bucket.capacity
      ? Number.POSITIVE_INFINITY
      : Math.ceil(waitMs(bucket, cost, nowMs))
  return into
}

/** Milliseconds from now until the bucket holds this many tokens; 0 or less when it does. */
function waitMs(bucket: Bucket, tokens: number, nowMs: number): number {
  const missing = tokens - bucket.tokens
  return missing <= rounding(bucket) ? 0 : bucket.spentMs - nowMs + missing / bucket.perMs
}
