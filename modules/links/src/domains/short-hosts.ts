/**
 * Which hosts serve short links, and which of their paths are codes. A process knows all proven domains of all tenants, so
 * a request for any host is decided from memory, and unknown hosts cost nothing.
 *
 *   host of a tenant        every path is a code; nothing else of the program is there
 *   the installation's own  a path that could be a code is one; the program's other paths stay what they are
 *   any other host          `/l/…`, also with more than one segment
 *
 * It is read when the room starts and whenever the journal tells that a domain changed; what this process changes holds
 * at once. While the database is away what is known goes on being served.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, errors, isError } from '@stoa/kernel'
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
const PAGE = 1_000

const own: Place = Object.freeze({ space: DEFAULT_HOST, rootTarget: null, notFoundTarget: null })

/** The hosts that serve short links. */
export class ShortHosts {
  readonly #db: Database
  readonly #ctx: BaseCtx
  readonly #shortHost: string | null
  readonly #domains = new Map<string, Place>()
  #stale = new Set<string>()
  #reading: Promise<void> | null = null

  /** @param shortHost of the installation, with its port; null for none */
  constructor(db: Database, ctx: BaseCtx, shortHost: string | null) {
    this.#db = db
    this.#ctx = ctx
    this.#shortHost = shortHost
  }

  /** See `Claim` in @stoa/http. */
  readonly claim = (host: string, path: string): string | null => {
    if (this.#domains.size > 0 && this.#domains.has(nameOf(host))) return codeOf(path.slice(1), ROOT)
    if (this.#shortHost !== null && host.toLowerCase() === this.#shortHost) return ownCodeOf(path)
    return path.startsWith('/l/') && path.includes('/', 3) ? codeOf(path.slice(3), NO_CODE) : null
  }

  /** Where the codes of a host are looked up. */
  placeOf(host: string): Place {
    return (this.#domains.size > 0 && this.#domains.get(nameOf(host))) || own
  }

  /** Whether it is a proven domain of a tenant. @param host without a port */
  has(host: string): boolean {
    return this.#domains.has(host)
  }

  /** The domain is proven and as it is said, from now on. */
  put({ host, id, notFoundTarget, rootTarget }: Omit<ServedDomain, `tenant${string}`>): void {
    this.#domains.set(host, Object.freeze({ space: id, rootTarget, notFoundTarget }))
  }

  /** The domain is not served any more, unless it is another's by now. */
  drop(host: string, id: string): void {
    if (this.#domains.get(host)?.space === id) this.#domains.delete(host)
  }

  /** Something about the host has changed. It is read with the next {@link refresh}. */
  changed(host: string): void {
    this.#stale.add(host)
  }

  /** Reads what has changed. What cannot be read is read the next time. */
  refresh(): void {
    if (this.#stale.size === 0 || this.#reading !== null) return
    this.#reading = this.#read().finally(() => {
      this.#reading = null
    })
  }

  /** Reads all. What changes from then on has to be told. */
  async load(): Promise<void> {
    for (let after = ''; ; ) {
      const page = await this.#db.systemRead(this.#ctx, (tx) => servedDomainsAfter(tx, after, PAGE))
      for (const domain of page) this.put(domain)
      const last = page.at(-1)
      if (last === undefined) return
      after = last.host
    }
  }

  async #read(): Promise<void> {
    const hosts = [...this.#stale]
    this.#stale = new Set()
    try {
      const found = await this.#db.systemRead(this.#ctx, (tx) => servedDomains(tx, hosts))
      for (const host of hosts) {
        const domain = found.find((one) => one.host === host)
        if (domain) this.put(domain)
        else this.#domains.delete(host)
      }
    } catch (err) {
      for (const host of hosts) this.#stale.add(host)
      if (!isError(err, errors.unavailable)) this.#ctx.log.warn({ err }, 'short hosts could not be read: later again')
    }
  }
}

/** Without the port, and without the dot at its end. */
function nameOf(host: string): string {
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '')
  return name.endsWith('.') ? name.slice(0, -1) : name
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
