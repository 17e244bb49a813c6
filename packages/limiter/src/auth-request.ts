/*
 * An endpoint that a proxy asks before it lets a request through, so that limits can stand in front of any service:
 * nginx (`auth_request`), Traefik (`forwardAuth`), Caddy (`forward_auth`), Envoy (`ext_authz` over HTTP).
 *
 * It answers 204, or refuses. nginx takes 401 and 403 for a refusal and everything else for an error, so a refusal is
 * 403 unless said otherwise; the others hand on what they get, and 429 is the one for them. The header fields are on
 * every answer, for the proxy to hand on.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { Gate, type GateOptions, writeRateLimitFields } from './gate.ts'
import { nodeOrigin } from './node-http.ts'
import { refusalOf } from './problem.ts'

/** The request that the proxy asks about. */
export interface CheckedRequest {
  /** From `X-Original-Method` (nginx, by configuration) or `X-Forwarded-Method`; else the method of the question. */
  readonly method: string
  /**
   * Path and query, from `X-Original-URI` (nginx, by configuration) or `X-Forwarded-Uri`; else the address of the
   * question.
   */
  readonly uri: string
  /** The headers of the question, which proxies take from the request. */
  readonly headers: IncomingHttpHeaders
  /** The question itself. */
  readonly raw: IncomingMessage
}

/** Options of {@link checkEndpoint}. */
export interface CheckEndpointOptions extends GateOptions<CheckedRequest> {
  /** The proxy: from it alone `X-Forwarded-For` is believed. It must be given unless `key` says who is limited. */
  readonly trustedProxies?: readonly string[]
  /** Status of a refusal. nginx needs 403 (or 401); Traefik, Caddy and Envoy hand on 429. 400 – 599; default 403. */
  readonly refusedStatus?: number
}

/**
 * The endpoint, as a handler of `node:http`: `createServer(checkEndpoint({ … })).listen(9100, '127.0.0.1')`. It answers
 * every address alike.
 *
 * @throws RangeError, TypeError when the options make no sense
 */
export function checkEndpoint(
  options: CheckEndpointOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { refusedStatus = 403, ...others } = options
  if (!(Number.isInteger(refusedStatus) && refusedStatus >= 400 && refusedStatus <= 599)) {
    throw new RangeError(`checkEndpoint: refusedStatus must be from 400 to 599 (got ${refusedStatus})`)
  }
  if (others.trustedProxies === undefined && others.key === undefined) {
    throw new TypeError("checkEndpoint: without 'trustedProxies' or 'key' every request would be the proxy's own")
  }
  const gate = new Gate<CheckedRequest>('checkEndpoint', others, {
    address: ({ raw }) => nodeOrigin.address(raw),
    peer: ({ raw }) => nodeOrigin.peer(raw),
    forwardedFor: ({ raw }) => nodeOrigin.forwardedFor(raw),
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const given = await gate.check(checkedOf(request))
    if (given !== null) writeRateLimitFields(given, (name, value) => response.setHeader(name, value))
    if (given === null || given.allowed) {
      response.writeHead(204).end()
      return
    }
    const { body } = refusalOf(given)
    response.writeHead(refusedStatus, { 'Content-Type': 'application/problem+json' })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
  return (request, response) => {
    // A body that came with the question is of no use, and would hold up the next one on the connection.
    request.resume()
    answer(request, response).catch(() => response.writeHead(500).end())
  }
}

function checkedOf(raw: IncomingMessage): CheckedRequest {
  const { headers } = raw
  return {
    method: first(headers['x-original-method']) ?? first(headers['x-forwarded-method']) ?? raw.method ?? 'GET',
    uri: first(headers['x-original-uri']) ?? first(headers['x-forwarded-uri']) ?? raw.url ?? '/',
    headers,
    raw,
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}
