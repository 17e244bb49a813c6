/*
 * The headers that every answer carries. They are constant but for the request id, so they are copied and not computed. An answer of the
 * API is data: nothing in it may run, be framed, be sniffed or be kept by a shared cache. A route that says otherwise sets its own.
 */

/** Headers of the answers of the API. */
export interface AnswerHeaders {
  readonly names: readonly string[]
  readonly values: readonly string[]
}

/** @param hstsSeconds `Strict-Transport-Security: max-age`; 0 leaves it out, as a server without TLS in front must */
export function answerHeaders(hstsSeconds: number): AnswerHeaders {
  const headers: Record<string, string> = {
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    ...(hstsSeconds > 0 && { 'strict-transport-security': `max-age=${hstsSeconds}; includeSubDomains` }),
  }
  return { names: Object.keys(headers), values: Object.values(headers) }
}
