/*
 * Who is let in how often. Each caller has one bucket for all operations, and one more for each operation that declares a limit of its own;
 * a caller without credentials is its address. Answers say how it stands (draft-ietf-httpapi-ratelimit-headers): the policy, what is
 * left, and when the bucket is full again.
 */
import { type Clock, errors, StoaError } from '@stoa/kernel'
import { createMemoryStore, type Decision, type Limit, policyField, retryAfterSeconds, takeToken } from '@stoa/limiter'
import type { RateLimit } from './route.ts'

/** Token buckets by key. */
export interface Buckets {
  /**
   * Takes `cost` tokens, or none. A cost of 0 only looks. The decision is read at once: it may be the same object at the next take.
   */
  take(key: string, limit: Limit, cost?: number): Readonly<Decision> | Promise<Readonly<Decision>>
}

/** Buckets in this process: with several nodes behind one address, each node counts for itself. */
export function memoryBuckets(clock: Clock): Buckets {
  const store = createMemoryStore()
  const answer: Decision = { allowed: false, remaining: 0, limit: 0, resetAfterMs: 0, retryAfterMs: 0 }
  return { take: (key, limit, cost = 1) => takeToken(store, key, limit, cost, clock.now(), answer) }
}

/** Where the headers go. */
export interface HeaderSink {
  header(name: string, value: string): unknown
}

/** A limit with what is constant about it already written. */
export interface Policy extends RateLimit {
  /** `default`, `anonymous`, or the operation's id. */
  readonly name: string
  /** Begins the keys of its buckets. */
  readonly keyStart: string
  readonly policyHeader: string
  readonly limitHeaderStart: string
}

/** @param name `default`, `anonymous`, or the operation's id */
export function policyOf(name: string, { capacity, refillPerSecond }: RateLimit): Policy {
  return {
    name,
    capacity,
    refillPerSecond,
    keyStart: `${name} `,
    policyHeader: policyField(name, { capacity, refillPerSecond }),
    limitHeaderStart: `"${name}";r=`,
  }
}

/** Writes how a bucket stands, and gives the refusal when it is empty. */
export function judge(decision: Readonly<Decision>, policy: Policy, reply: HeaderSink): StoaError | null {
  const resetSeconds = Math.ceil(decision.resetAfterMs / 1000)
  reply.header('ratelimit-policy', policy.policyHeader)
  reply.header('ratelimit', `${policy.limitHeaderStart}${decision.remaining};t=${resetSeconds}`)
  if (decision.allowed) return null
  return new StoaError(errors.rate_limited, {
    retryAfterSeconds: retryAfterSeconds(decision) ?? 1,
    context: { policy: policy.name },
  })
}
