/*
 * Cross-origin requests (Fetch, "HTTP extensions"). Keys travel in headers that a page has to set itself, and no cookie
 * is ever asked for, so an origin that is let in gains nothing but to be answered. What a browser asks beforehand (the
 * preflight) is answered here, before any guard, because it carries no key.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** What a page may send. */
const REQUEST_HEADERS = [
  'authorization',
  'cache-control',
  'content-type',
  'dpop',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'traceparent',
  'x-api-key',
  'x-request-id',
].join(', ')

/** What a page may read of an answer. */
const RESPONSE_HEADERS = [
  'etag',
  'idempotent-replayed',
  'location',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'www-authenticate',
  'x-cache',
  'x-request-id',
].join(', ')

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const PREFLIGHT_SECONDS = '600'

/**
 * Lets pages of these origins in.
 *
 * @param origins `https://console.example.org`; `*` for any; none lets nobody in
 */
export function useCrossOrigin(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return
  const any = origins.includes('*')
  const known = new Set(origins)
  app.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const { origin } = request.headers
    const allowed = origin !== undefined && (any || known.has(origin))
    if (allowed) {
      reply.header('access-control-allow-origin', any ? '*' : origin)
      reply.header('access-control-expose-headers', RESPONSE_HEADERS)
    }
    if (allowed && request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      answerPreflight(reply)
    } else done()
  })
  if (!any) app.addHook('onSend', varyByOrigin)
}

function answerPreflight(reply: FastifyReply): void {
  reply
    .code(204)
    .header('access-control-allow-methods', METHODS)
    .header('access-control-allow-headers', REQUEST_HEADERS)
    .header('access-control-max-age', PREFLIGHT_SECONDS)
    .send()
}

/** What one origin is answered must not be handed to another by a cache; a route may vary by more. */
function varyByOrigin(_request: FastifyRequest, reply: FastifyReply, _payload: unknown, done: () => void): void {
  const own = reply.getHeader('vary')
  reply.header('vary', own === undefined ? 'Origin' : `${String(own)}, Origin`)
  done()
}
