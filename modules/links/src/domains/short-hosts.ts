/**
 * Which hosts serve short links, and which of their paths are codes.
 *
 *   host of a tenant        every path is a code; nothing else of the program is there
 *   the installation's own  a path that could be a code is one; the program's other paths stay what they are
 *   any other host          `/l/…`, also with more than one segment
 */
import type { Database } from '@stoa/db'
import { type ServedHost, ServedHosts, type TenantHosts } from '@stoa/http'
import type { BaseCtx } from '@stoa/kernel'
import { isCodeText, isKeptBack } from '../codes/slug.ts'
import { type ServedDomain, servedDomains, servedDomainsAfter } from './domain-store.ts'
import { DEFAULT_HOST } from './short-host.ts'

/** Where a code is looked up, and what is shown when there is none. */
export interface Place {
  /** The namespace of its codes: empty for the installation's own, else the id of the domain. */
  readonly space: string
  readonly rootTarget: string | null
  readonly notFoundTarget: string | null
}

/** The parameter of the route for the root of a domain, and for what can be no code. Neither can be one. */
export const ROOT = '~root'
const NO_CODE = '~'
/** What this room is called among those that serve hosts of tenants. */
export const HOST_ROOM = 'links'

const own: Place = Object.freeze({ space: DEFAULT_HOST, rootTarget: null, notFoundTarget: null })

type ServedPlace = Place & ServedHost

/** The hosts that serve short links. */
export class ShortHosts {
  readonly #served: ServedHosts<ServedPlace>
  readonly #hosts: Pick<TenantHosts, 'adopt'>
  readonly #shortHost: string | null

  /** @param shortHost of the installation, with its port; null for none */
  constructor(db: Database, ctx: BaseCtx, shortHost: string | null, hosts: Pick<TenantHosts, 'adopt'>) {
    this.#hosts = hosts
    this.#shortHost = shortHost
    this.#served = new ServedHosts({
      ctx,
      read: async (names) => (await db.systemRead(ctx, (tx) => servedDomains(tx, names))).map(placed),
      page: async (after, limit) =>
        (await db.systemRead(ctx, (tx) => servedDomainsAfter(tx, after, limit))).map(placed),
    })
  }

  /** See `Claim` in @stoa/http. */
  readonly claim = (host: string, path: string): string | null => {
    if (this.#served.at(host) !== undefined) return codeOf(path.slice(1), ROOT)
    if (this.#shortHost !== null && host.toLowerCase() === this.#shortHost) return ownCodeOf(path)
    return path.startsWith('/l/') && path.includes('/', 3) ? codeOf(path.slice(3), NO_CODE) : null
  }

  /** Where the codes of a host are looked up. */
  placeOf(host: string): Place {
    return this.#served.at(host) ?? own
  }

  /** Whether it is a proven domain of a tenant. @param host without a port */
  has(host: string): boolean {
    return this.#served.has(host)
  }

  /** The domain is proven and as it is said, from now on. */
  put(domain: ServedDomain): void {
    this.#served.put(placed(domain))
  }

  /** The domain is not served any more, unless it is another's by now. */
  drop(host: string, id: string): void {
    this.#served.drop(host, id)
  }

  /** Something about the host has changed. It is read with the next {@link refresh}. */
  changed(host: string): void {
    this.#served.changed(host)
  }

  /** Reads what has changed. What cannot be read is read the next time. */
  refresh(): void {
    this.#served.refresh()
  }

  /** Reads all. What changes from then on has to be told. */
  load(): Promise<void> {
    return this.#served.load((page) => this.#hosts.adopt(HOST_ROOM, page))
  }
}

function placed({ host, id, notFoundTarget, rootTarget, tenantId }: ServedDomain): ServedPlace {
  return Object.freeze({ space: id, rootTarget, notFoundTarget, host, id, tenantId })
}

function codeOf(text: string, empty: string): string {
  if (text === '') return empty
  const code = decoded(text)
  return isCodeText(code) ? code : NO_CODE
}

/** On the installation's short host, which may be its only host. */
function ownCodeOf(path: string): string | null {
  const text = path.startsWith('/l/') ? path.slice(3) : path.slice(1)
  const code = decoded(text)
  const [first = ''] = code.split('/', 1)
  return isCodeText(code) && !isKeptBack(first) ? code : null
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return NO_CODE
  }
}
