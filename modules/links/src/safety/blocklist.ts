/**
 * Hosts to which no link should lead, with all below them: those of the installation, from a file, and those of a tenant,
 * from the database.
 *
 * The file is looked at every half a minute. Those of a tenant are read when they are first needed, and remembered until the
 * journal tells that they have changed; each process that made a change forgets them at once. Whoever needs them reads them
 * by themselves, and not one for all: it may be in a transaction, whose end, good or bad, is nobody else's.
 */
import { readFile, stat } from 'node:fs/promises'
import type { Database } from '@stoa/db'
import { type BaseCtx, type Ctx, type Repeating, repeat } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'
import { hostsBlocked } from './blocked-host-store.ts'

/** Hosts, with all below them. */
export class Blocklist {
  readonly #hosts: ReadonlySet<string>

  /** @param text a host on each line, as hosts files and public lists have it; `#` begins a remark */
  constructor(text: string) {
    const lines = text.split(/\r?\n/).map((line) => line.replace(/#.*$/, '').trim().toLowerCase())
    const names = lines.map(
      (line) =>
        line
          .split(/\s+/)
          .at(-1)
          ?.replace(/^(\*?\.|\|\|)/, '')
          .replace(/[.^]$/, '') ?? '',
    )
    this.#hosts = new Set(names.filter((name) => name !== '' && name !== 'localhost'))
  }

  get size(): number {
    return this.#hosts.size
  }

  /** Whether the host, or one above it, is on the list. */
  has(host: string): boolean {
    if (this.#hosts.size === 0) return false
    for (let name = host.toLowerCase(); name !== ''; name = name.slice(name.indexOf('.') + 1)) {
      if (this.#hosts.has(name)) return true
      if (!name.includes('.')) return false
    }
    return false
  }
}

/** Whether no link should lead to a host. */
export type IsBlocked = (host: string) => boolean

const FILE_LOOK_MS = 30_000
const TENANTS = 1_000
/** What was not heard of holds for no longer. */
const KEPT_MS = 60_000

/** The lists of an installation and of its tenants. */
export class Blocklists {
  readonly #db: Database
  readonly #path: string | null
  readonly #tenants = new LRUCache<string, Blocklist>({ max: TENANTS, ttl: KEPT_MS })
  /** Changes that were heard of: what was read before one is not kept. */
  #changes = 0
  #own = new Blocklist('')
  #seen = ''

  /** @param path of the file; null: there is none */
  constructor(db: Database, path: string | null) {
    this.#db = db
    this.#path = path
  }

  /** What holds for the tenant of the context. */
  async of(ctx: Ctx): Promise<IsBlocked> {
    const theirs = this.#tenants.get(ctx.tenant.id) ?? (await this.#read(ctx))
    return (host) => this.#own.has(host) || theirs.has(host)
  }

  /** The hosts of a tenant have changed. */
  forget(tenantId: string): void {
    this.#tenants.delete(tenantId)
    this.#changes += 1
  }

  /** Reads the file when it has changed. Rejects when it cannot be read: then the list stays as it was. */
  async refresh(): Promise<void> {
    if (this.#path === null) return
    const { mtimeMs, size } = await stat(this.#path)
    const seen = `${mtimeMs} ${size}`
    if (seen === this.#seen) return
    this.#own = new Blocklist(await readFile(this.#path, 'utf8'))
    this.#seen = seen
  }

  /** Looks at the file now and then, until disposed. */
  keep({ clock, log }: BaseCtx): Repeating {
    const onError = (err: unknown) => log.warn({ err }, 'the list of blocked hosts cannot be read: it stays as it was')
    return repeat(() => this.refresh(), { clock, firstMs: FILE_LOOK_MS, everyMs: FILE_LOOK_MS, onError })
  }

  async #read(ctx: Ctx): Promise<Blocklist> {
    const changes = this.#changes
    const hosts = await this.#db.read(ctx, (tx) => hostsBlocked(tx, ctx.tenant.id))
    const list = new Blocklist(hosts.join('\n'))
    if (changes === this.#changes) this.#tenants.set(ctx.tenant.id, list)
    return list
  }
}
