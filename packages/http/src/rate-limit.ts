/*
 * Who is let in how often. Each caller has one bucket for all operations, and one more for each operation that declares a limit of its own;
 * a caller without credentials is its address. Answers say how it stands (draft-ietf-httpapi-ratelimit-headers): the policy, what is
 * left, and when the bucket is full again.
 */
import { errors, StoaError } from '@stoa/kernel'
import type { RateLimit } from './route.ts'

/** What a bucket says to one request. */
export interface Decision {
  readonly allowed: boolean
  /** Whole requests left. */
  readonly remaining: number
  /** Until this request would be allowed, in milliseconds; 0 when it is. */
  readonly retryAfterMs: number
}

/** Token buckets by key. `@stoa/limiter`'s stores satisfy it. */
export interface Buckets {
  take(key: string, limit: RateLimit, cost?: number): Decision | Promise<Decision>
}

/** Where the headers go. */
export interface HeaderSink {
  header(name: string, value: string): unknown
}

/** A limit with what is constant about it already written. */
export interface Policy extends RateLimit {
  /** Begins the keys of its buckets. */
  readonly name: string
  readonly policyHeader: string
}

/** @param name `default`, `anonymous`, or the operation's id */
export function policyOf(name: string, { capacity, refillPerSecond }: RateLimit): Policy {
  const windowSeconds = Math.max(1, Math.ceil(capacity / refillPerSecond))
  return { name, capacity, refillPerSecond, policyHeader: `"${name}";q=${capacity};w=${windowSeconds}` }
}

/** Writes how a bucket stands, and gives the refusal when it is empty. */
export function judge(decision: Decision, policy: Policy, reply: HeaderSink): StoaError | null {
  const { remaining } = decision
  const resetSeconds = Math.ceil((policy.capacity - remaining) / policy.refillPerSecond)
  reply.header('ratelimit-policy', policy.policyHeader)
  reply.header('ratelimit', `"${policy.name}";r=${remaining};t=${resetSeconds}`)
  if (decision.allowed) return null
  return new StoaError(errors.rate_limited, {
    retryAfterSeconds: Math.max(1, decision.retryAfterMs / 1000),
    context: { policy: policy.name },
  })
}
