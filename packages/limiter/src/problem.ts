import type { Answer } from './answer.ts'

/** An error answer (RFC 9457). */
export interface Refusal {
  readonly status: number
  /** Of the media type `application/problem+json`. */
  readonly body: string
}

/**
 * What a refused call is answered: 429 with the problem type of the draft on rate limit fields, or 503 when the store
 * cannot be asked and a policy is closed to that.
 */
export function refusalOf(answer: Answer): Refusal {
  if (answer.strictest.source === 'closed') {
    return problem(503, 'about:blank', 'Service Unavailable', 'Limits cannot be checked at the moment.', {})
  }
  const seconds = Math.ceil(answer.retryAfterMs / 1000)
  const detail = Number.isFinite(seconds)
    ? `Too many requests. Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`
    : 'The request costs more than the limit ever allows.'
  const violated = answer.layers.filter(
    ({ decision, policy }) => decision?.allowed === false && !policy.settings.shadow,
  )
  return problem(429, QUOTA_EXCEEDED, 'Too Many Requests', detail, {
    'violated-policies': violated.map(({ policy }) => policy.name),
  })
}

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'

function problem(status: number, type: string, title: string, detail: string, members: object): Refusal {
  return { status, body: JSON.stringify({ type, title, status, detail, ...members }) }
}
