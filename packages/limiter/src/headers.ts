/*
 * The response fields of the IETF draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers),
 * which are lists of structured-field items (RFC 9651): the name of the policy with parameters. `Retry-After` is of RFC
 * 9110 §10.2.3.
 */
import type { Decision, Limit } from './bucket.ts'

/**
 * One member of `RateLimit-Policy`: `"default";q=100;w=60`. `q` is the burst, `w` the seconds in which an empty bucket
 * fills, rounded up. It depends on the limit alone: make it once.
 *
 * @param name printable ASCII
 * @throws TypeError for another name
 */
export function policyField(name: string, limit: Limit): string {
  return `${quoted(name)};q=${limit.capacity};w=${Math.ceil(limit.capacity / limit.refillPerSecond)}`
}

/**
 * One member of `RateLimit`: `"default";r=50;t=30`. `r` is what is left, `t` the seconds until the bucket is full,
 * rounded up. Members of several layers are joined by `, `.
 *
 * @throws TypeError when the name is not printable ASCII
 */
export function limitField(name: string, decision: Decision): string {
  return `${quoted(name)};r=${decision.remaining};t=${Math.ceil(decision.resetAfterMs / 1000)}`
}

/**
 * The value of `Retry-After`: whole seconds, rounded up, at least 1. Null when the take was allowed, or can never be
 * (its cost is above the capacity).
 */
export function retryAfterSeconds(decision: Pick<Decision, 'retryAfterMs'>): number | null {
  const { retryAfterMs } = decision
  if (retryAfterMs <= 0 || retryAfterMs === Number.POSITIVE_INFINITY) return null
  return Math.ceil(retryAfterMs / 1000)
}

/** All fields of one limit, by their names in lower case. */
export function rateLimitFields(name: string, limit: Limit, decision: Decision): Record<string, string> {
  const seconds = retryAfterSeconds(decision)
  return {
    'ratelimit-policy': policyField(name, limit),
    ratelimit: limitField(name, decision),
    ...(seconds !== null && { 'retry-after': String(seconds) }),
  }
}

const policyFields = new WeakMap<Limit, Map<string, string>>()

/** {@link policyField}, made once for a limit that does not change. */
export function policyFieldOf(name: string, limit: Limit): string {
  let byName = policyFields.get(limit)
  if (byName === undefined) {
    byName = new Map()
    policyFields.set(limit, byName)
  }
  let field = byName.get(name)
  if (field === undefined) {
    field = policyField(name, limit)
    byName.set(name, field)
  }
  return field
}

/** What was told last of a policy, and how it begins. */
interface LastField {
  readonly start: string
  remaining: number
  seconds: number
  field: string
}

const lastFields = new Map<string, LastField>()

/**
 * {@link limitField} for the name of a policy, of which there are few. Most callers are far from their limit and find
 * their bucket full again, so the field is mostly the one that was told last: then it costs no text.
 */
export function limitFieldOf(name: string, { remaining, resetAfterMs }: Decision): string {
  const seconds = Math.ceil(resetAfterMs / 1000)
  let last = lastFields.get(name)
  if (last === undefined) {
    last = { start: `${quoted(name)};r=`, remaining: Number.NaN, seconds, field: '' }
    lastFields.set(name, last)
  }
  if (last.remaining !== remaining || last.seconds !== seconds) {
    last.field = `${last.start}${remaining};t=${seconds}`
    last.remaining = remaining
    last.seconds = seconds
  }
  return last.field
}

/** A string of RFC 9651. */
function quoted(name: string): string {
  if (!/^[\x20-\x7e]+$/.test(name)) throw new TypeError('the name of a policy must be printable ASCII')
  return `"${name.replace(/["\\]/g, '\\$&')}"`
}
