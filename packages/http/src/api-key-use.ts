/*
 * When a key was last used is worth knowing to the minute and worth no write per request. Uses are noted in memory, at
 * most once per key and minute, and written together for all tenants; what does not fit is dropped, and a crash loses
 * at most one interval.
 */
import type { Database } from '@stoa/db'
import { type Clock, type Logger, type Repeating, repeat, systemCtx } from '@stoa/kernel'
import { apiKeysUsed } from './api-key-store.ts'

/** How coarse "last used" is, in milliseconds. */
export const USE_RESOLUTION_MS = 60_000
const WRITE_INTERVAL_MS = 10_000
const MAX_NOTED = 10_000

interface Use {
  readonly tenantId: string
  readonly id: string
  readonly at: Date
}

/** Notes and writes the uses of keys. */
export class ApiKeyUses implements AsyncDisposable {
  readonly #deps: { readonly db: Database; readonly clock: Clock; readonly log: Logger }
  readonly #writing: Repeating
  readonly #complain: (err: unknown) => void
  #noted = new Map<string, Use>()

  constructor(deps: { readonly db: Database; readonly clock: Clock; readonly log: Logger }) {
    this.#deps = deps
    this.#complain = (err) => deps.log.warn({ err }, 'the last use of API keys was not written')
    this.#writing = repeat(() => this.write(), {
      clock: deps.clock,
      everyMs: WRITE_INTERVAL_MS,
      onError: this.#complain,
    })
  }

  /** Notes a use. The caller sees to it that a key comes at most once per minute. */
  note(tenantId: string, id: string, nowMs: number): void {
    if (this.#noted.size >= MAX_NOTED && !this.#noted.has(id)) return
    this.#noted.set(id, { tenantId, id, at: new Date(nowMs) })
  }

  /** Writes what was noted. */
  async write(): Promise<void> {
    const uses = [...this.#noted.values()]
    if (uses.length === 0) return
    this.#noted = new Map()
    const { db, clock, log } = this.#deps
    // Always in the same order, so that two nodes do not wait for each other in a circle.
    uses.sort((a, b) => (a.id < b.id ? -1 : 1))
    await db.system(systemCtx({ log, clock }, 'api key uses'), (tx) =>
      tx.run(
        apiKeysUsed(
          uses.map((use) => use.tenantId),
          uses.map((use) => use.id),
          uses.map((use) => use.at),
        ),
      ),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing[Symbol.asyncDispose]()
    await this.write().catch(this.#complain)
  }
}
