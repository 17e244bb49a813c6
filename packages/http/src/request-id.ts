import { type Clock, newId } from '@stoa/kernel'

/** What of an inbound `X-Request-Id` is taken over: 1–64 characters that are safe in logs and headers. Anything else is replaced. */
const SAFE_ID = /^[A-Za-z0-9._~:@=+-]{1,64}$/

/** Makes the function that names each request: the caller's `X-Request-Id` when it is safe, else a UUIDv7. */
export function requestIds(
  clock: Clock,
): (request: { headers: Record<string, string | string[] | undefined> }) => string {
  return (request) => {
    const given = request.headers['x-request-id']
    return typeof given === 'string' && SAFE_ID.test(given) ? given : newId(clock)
  }
}

/** W3C Trace Context, level 1 §3.2: version 00–fe, a trace id and a parent id that are not all zeros. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)/

/** The trace id of a `traceparent` header; null when there is none or it is not valid. */
export function traceIdOf(header: string | string[] | undefined): string | null {
  if (typeof header !== 'string') return null
  return TRACEPARENT.exec(header)?.[1] ?? null
}
