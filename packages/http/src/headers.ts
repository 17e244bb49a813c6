/*
 * The headers that every answer carries. They are constant but for the request id, so they are copied and not computed.
 * An answer of the API is data: nothing in it may run, be framed, be sniffed or be kept by a shared cache. A route that
 * says otherwise sets its own.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Headers of the answers of the API. */
export interface AnswerHeaders {
  readonly names: readonly string[]
  readonly values: readonly string[]
}

/**
 * @param hstsSeconds `Strict-Transport-Security: max-age`; 0 leaves it out, as a server without TLS in front must. It
 * holds for this host alone:
 *   what else runs under its name is not ours to decide
 */
export function answerHeaders(hstsSeconds: number): AnswerHeaders {
  const headers: Record<string, string> = {
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...(hstsSeconds > 0 && { 'strict-transport-security': `max-age=${hstsSeconds}` }),
  }
  return { names: Object.keys(headers), values: Object.values(headers) }
}

/** Puts them on an answer, with the request's id. */
export function writeAnswerHeaders(
  { names, values }: AnswerHeaders,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  reply.header('x-request-id', request.id)
  for (let index = 0; index < names.length; index++) reply.header(names[index] as string, values[index] as string)
}
