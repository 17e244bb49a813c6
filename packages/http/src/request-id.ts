import { type Clock, newId } from '@stoa/kernel'

/**
 * What of an inbound `X-Request-Id` is taken over: 1–64 characters that are safe in logs and headers. Anything else is
 * replaced.
 */
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
