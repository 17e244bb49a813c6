/*
 * The hosts of tenants that a room serves, all of them in the memory of each process: a request for any host is decided at
 * once, and unknown hosts cost nothing.
 *
 * They are read when the room starts and whenever the journal tells that one changed; what this process changes holds at
 * once. While the database is away what is known goes on being served.
 */
import { type BaseCtx, errors, isError } from '@stoa/kernel'
import type { HostUse } from './host-store.ts'

/** A host that is served. */
export interface ServedHost extends HostUse {
  readonly tenantId: string
}

/** What {@link ServedHosts} stands on. */
export interface ServedHostsDeps<T extends ServedHost> {
  /** Of the system. */
  readonly ctx: BaseCtx
  /** Those of these hosts that are served. */
  read(hosts: readonly string[]): Promise<readonly T[]>
  /** A page of all that are served: those that follow a host, by host. */
  page(after: string, limit: number): Promise<readonly T[]>
}

const PAGE = 1_000

/** The hosts that a room serves. */
export class ServedHosts<T extends ServedHost> {
  readonly #deps: ServedHostsDeps<T>
  readonly #served = new Map<string, T>()
  readonly #byTenant = new Map<string, Map<string, T>>()
  #stale = new Set<string>()
  #reading: Promise<void> | null = null

  constructor(deps: ServedHostsDeps<T>) {
    this.#deps = deps
  }

  /** What is served at the host. @param named as the caller names it: with its port, in any case */
  at(named: string): T | undefined {
    return this.#served.size > 0 ? this.#served.get(nameOf(named)) : undefined
  }

  /** @param host without a port */
  has(host: string): boolean {
    return this.#served.has(host)
  }

  /** Those of a tenant. */
  of(tenantId: string): Iterable<T> {
    return this.#byTenant.get(tenantId)?.values() ?? []
  }

  /** The host is served, as it is said, from now on. */
  put(served: T): void {
    this.#outdated(served.host)
    this.#put(served)
  }

  #put(served: T): void {
    this.#remove(served.host)
    this.#served.set(served.host, served)
    const own = this.#byTenant.get(served.tenantId) ?? new Map<string, T>()
    this.#byTenant.set(served.tenantId, own.set(served.host, served))
  }

  /** It is not served any more, unless it is another's by now. */
  drop(host: string, id: string): void {
    this.#outdated(host)
    if (this.#served.get(host)?.id === id) this.#remove(host)
  }

  /** Something about the host has changed. It is read with the next {@link refresh}. */
  changed(host: string): void {
    this.#stale.add(host)
  }

  /** Reads what has changed. What cannot be read is read the next time. */
  refresh(): void {
    if (this.#stale.size === 0 || this.#reading !== null) return
    this.#reading = this.#read().then((wasRead) => {
      this.#reading = null
      // What has changed meanwhile.
      if (wasRead) this.refresh()
    })
  }

  /** Reads all. What changes from then on has to be told. @param each is given each page */
  async load(each: (page: readonly T[]) => Promise<void>): Promise<void> {
    for (let after = ''; ; ) {
      const page = await this.#deps.page(after, PAGE)
      for (const one of page) this.put(one)
      const last = page.at(-1)
      if (last === undefined) return
      await each(page)
      after = last.host
    }
  }

  /** What is being read of the host may be of before: it is read again. */
  #outdated(host: string): void {
    if (this.#reading !== null) this.#stale.add(host)
  }

  #remove(host: string): void {
    const tenantId = this.#served.get(host)?.tenantId
    if (tenantId === undefined) return
    this.#served.delete(host)
    const own = this.#byTenant.get(tenantId)
    own?.delete(host)
    if (own?.size === 0) this.#byTenant.delete(tenantId)
  }

  async #read(): Promise<boolean> {
    const hosts = [...this.#stale]
    this.#stale = new Set()
    try {
      const found = await this.#deps.read(hosts)
      for (const host of hosts) {
        if (this.#stale.has(host)) continue
        const served = found.find((one) => one.host === host)
        if (served) this.#put(served)
        else this.#remove(host)
      }
      return true
    } catch (err) {
      for (const host of hosts) this.#stale.add(host)
      if (!isError(err, errors.unavailable)) {
        this.#deps.ctx.log.warn({ err }, 'hosts of tenants could not be read: later again')
      }
      return false
    }
  }
}

/** Without the port, and without the dot at its end. */
function nameOf(host: string): string {
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '')
  return name.endsWith('.') ? name.slice(0, -1) : name
}
