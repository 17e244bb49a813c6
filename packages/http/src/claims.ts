/*
 * A route can answer paths beside its own: those of hosts that belong to it, say. Which they are it says itself, by host
 * and path; such a request goes on as if the route's own path had been asked for. So the route table stays one table,
 * and a host that belongs to a tenant shows nothing of the program but what its route gives.
 */
import type { IncomingMessage } from 'node:http'
import { ClientAddress } from '@stoa/limiter'
import type { Route } from './route.ts'

/**
 * Says what the one parameter of the route is for this request; null: the path is not the route's. Asked for each
 * request before anything else, so it answers from memory, at once, and never throws.
 *
 * @param host as the caller names it, with its port; behind a trusted proxy as the proxy names it
 * @param path as it came, percent-encoded, without the query
 */
export type Claim = (host: string, path: string) => string | null

/** Which host a request is for. */
export class RequestHost {
  readonly #addresses: ClientAddress

  /** @param trustedProxies see {@link ClientAddress} */
  constructor(trustedProxies: readonly string[]) {
    this.#addresses = new ClientAddress(trustedProxies)
  }

  /** Empty when none is named. */
  of({ headers, socket }: IncomingMessage): string {
    const forwarded = headers['x-forwarded-host']
    if (forwarded === undefined || !this.#addresses.trusts(socket.remoteAddress ?? '')) return headers.host ?? ''
    const named = Array.isArray(forwarded) ? forwarded.join(',') : forwarded
    return named.slice(named.lastIndexOf(',') + 1).trim()
  }
}

/** The path of an address. */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/**
 * Gives the address under which a request is looked up in the route table; null when no route claims anything.
 */
export function claimedUrls(
  routes: readonly Route[],
  hosts: RequestHost,
): ((request: IncomingMessage) => string) | null {
  const claiming = routes.flatMap(({ claims, url }) =>
    claims ? [{ claims, before: url.slice(0, url.lastIndexOf(':')) }] : [],
  )
  if (claiming.length === 0) return null
  return (request) => {
    const url = request.url ?? '/'
    const path = pathOf(url)
    const host = hosts.of(request)
    for (const { before, claims } of claiming) {
      const parameter = claims(host, path)
      if (parameter !== null) return `${before}${encodeURIComponent(parameter)}${url.slice(path.length)}`
    }
    return url
  }
}
