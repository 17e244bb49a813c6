/*
 * A route can answer paths beside its own: those of hosts that belong to it, say. Which they are it says itself, by host
 * and path; such a request goes on as if the route's own path had been asked for. So the route table stays one table,
 * and a host that belongs to a tenant shows nothing of the program but what its route gives. A mount can have whole hosts:
 * what is asked for there goes on below a path of the mount, and is nobody else's.
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

/** What tells which host a request is for. */
interface Addressed {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/** Which host a request is for. */
export class RequestHost {
  readonly #addresses: ClientAddress

  /** @param trustedProxies see {@link ClientAddress} */
  constructor(trustedProxies: readonly string[]) {
    this.#addresses = new ClientAddress(trustedProxies)
  }

  /** Empty when none is named. */
  of({ headers, socket }: Addressed): string {
    const forwarded = headers['x-forwarded-host']
    if (forwarded === undefined || !this.#addresses.trusts(socket.remoteAddress ?? '')) return hostOf(headers)
    const named = Array.isArray(forwarded) ? forwarded.join(',') : forwarded
    return named.slice(named.lastIndexOf(',') + 1).trim()
  }
}

function hostOf({ host }: Addressed['headers']): string {
  return typeof host === 'string' ? host : ''
}

/** The path of an address. */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/**
 * Where the paths of a host are, below a mount: `/t/acme`; null: the host is not the mount's. Asked for each request before
 * anything else, so it answers from memory, at once, and never throws.
 *
 * @param host as in {@link Claim}
 */
export type HostClaim = (host: string) => string | null

/** The claims of an application. */
export class Claims {
  readonly #hosts: RequestHost
  readonly #ofHosts: readonly HostClaim[]
  readonly #ofPaths: readonly { readonly claims: Claim; readonly before: string }[]
  readonly #bases = new WeakMap<IncomingMessage, string>()

  constructor(routes: readonly Route[], ofHosts: readonly HostClaim[], hosts: RequestHost) {
    this.#hosts = hosts
    this.#ofHosts = ofHosts
    this.#ofPaths = routes.flatMap(({ claims, url }) =>
      claims ? [{ claims, before: url.slice(0, url.lastIndexOf(':')) }] : [],
    )
  }

  /** Whether nothing is claimed. */
  get areNone(): boolean {
    return this.#ofHosts.length === 0 && this.#ofPaths.length === 0
  }

  /** The address under which a request is looked up in the route table. */
  readonly urlOf = (request: IncomingMessage): string => {
    const url = request.url ?? '/'
    const host = this.#hosts.of(request)
    const base = this.baseOf(host)
    if (base !== null) {
      this.#bases.set(request, base)
      return base + (url.startsWith('/') ? url : '/')
    }
    const path = pathOf(url)
    for (const { before, claims } of this.#ofPaths) {
      const parameter = claims(host, path)
      if (parameter !== null) return `${before}${encodeURIComponent(parameter)}${url.slice(path.length)}`
    }
    return url
  }

  /** Where the paths of a host are, below a mount; null: it is no mount's. */
  baseOf(host: string): string | null {
    for (const claim of this.#ofHosts) {
      const base = claim(host)
      if (base !== null) return base
    }
    return null
  }

  /** What {@link urlOf} has put before the path of a request for a host of a mount; null: it is for none. */
  baseBefore(request: IncomingMessage): string | null {
    return this.#bases.get(request) ?? null
  }
}
