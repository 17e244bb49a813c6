/**
 * Where codes lead: the memory of one process in front of the directory in the database.
 *
 *   find(host, code) ── known and fresh ──▶ answer
 *                    └─ otherwise ──▶ one query, however many ask at once ──▶ remembered, "unknown" too
 *   forget(host, code) ◀── this process changed the link (at once) or read of a change in the journal (within a second)
 *
 * A change may commit while a query that saw the state before it is under way. `forget` therefore also disowns that
 * query: those who wait for it get its answer, which was true when they asked, but it is not remembered. The time to
 * live bounds the error should the journal be late.
 */
import type { Clock, Tenant } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'
import { SLUG_MAX } from './slug.ts'

/** What a redirect needs to know of a link. */
export interface Destination {
  readonly tenant: Tenant
  readonly linkId: string
  readonly target: string
  /** Milliseconds since the epoch; null when the link does not expire. */
  readonly expiresAt: number | null
  readonly archived: boolean
}

/** What {@link Destinations} works with. */
export interface DestinationsOptions {
  /** How many codes are remembered, unknown ones included. */
  readonly entries: number
  /** How long an answer is believed, in milliseconds. */
  readonly ttlMs: number
  readonly clock: Pick<Clock, 'now'>
  /** Asks the database; null for an unknown code. */
  readonly load: (host: string, code: string) => Promise<Destination | null>
}

const nowhere = Symbol('nowhere')
const shape = new RegExp(`^[A-Za-z0-9_-]{1,${SLUG_MAX}}$`)

/** Where the codes lead that this process was asked for last. */
export class Destinations {
  readonly #known: LRUCache<string, Destination | typeof nowhere>
  readonly #loading = new Map<string, Promise<Destination | null>>()
  readonly #load: DestinationsOptions['load']

  constructor(options: DestinationsOptions) {
    this.#known = new LRUCache({ max: options.entries, ttl: options.ttlMs, perf: options.clock, ttlResolution: 0 })
    this.#load = options.load
  }

  /** Where the code leads, or null when it is unknown. Text that cannot be a code costs no query. */
  find(host: string, code: string): Destination | null | Promise<Destination | null> {
    if (!shape.test(code)) return null
    const key = `${host}/${code}`
    const known = this.#known.get(key)
    if (known !== undefined) return known === nowhere ? null : known
    return this.#loading.get(key) ?? this.#ask(key, host, code)
  }

  /** The link behind the code has changed or begun to exist: the next {@link find} asks the database. */
  forget(host: string, code: string): void {
    const key = `${host}/${code}`
    this.#known.delete(key)
    this.#loading.delete(key)
  }

  #ask(key: string, host: string, code: string): Promise<Destination | null> {
    const asked: Promise<Destination | null> = this.#load(host, code).then(
      (destination) => {
        if (this.#loading.get(key) === asked) {
          this.#loading.delete(key)
          this.#known.set(key, destination ?? nowhere)
        }
        return destination
      },
      (failure: unknown) => {
        if (this.#loading.get(key) === asked) this.#loading.delete(key)
        throw failure
      },
    )
    this.#loading.set(key, asked)
    return asked
  }
}
