/**
 * Who comes again on the same day, without knowing who it is: a visitor is a keyed hash of tenant, address (IPv6: its
 * /64) and user agent. The key is random, another one each day (UTC), the same in all processes, and gone two days later:
 * then nobody can find out any more, not even with all that is kept.
 *
 * The keys lie in an unlogged table: they are in no write-ahead log, in no base backup and on no replica. A database that
 * crashes forgets them, and whoever comes again on that day counts twice.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { type Database, statement, type Tx } from '@stoa/db'
import type { BaseCtx } from '@stoa/kernel'
import { callerOf } from '@stoa/limiter'
import type { Agent } from './visitor-agent.ts'

const DAY_MS = 86_400_000
const SALT_BYTES = 32
const HASH_BYTES = 8
/** Visitors of a day that are remembered, so that their next click needs no hash. */
const REMEMBERED = 50_000

/** The keys of visitors. */
export class VisitorSalts {
  readonly #db: Database
  readonly #ctx: BaseCtx
  readonly #days = new Map<string, Promise<DayVisitors | null>>()

  constructor(db: Database, ctx: BaseCtx) {
    this.#db = db
    this.#ctx = ctx
  }

  /** The visitors of the day of a time; null when its key is gone, or not there yet. */
  async at(ms: number): Promise<DayVisitors | null> {
    const day = dayOf(ms)
    const known = this.#days.get(day)
    if (known) return await known
    const today = this.#ctx.clock.now()
    if (day < dayOf(today - DAY_MS) || day > dayOf(today + DAY_MS)) return null
    const asked = this.#db
      .system(this.#ctx, (tx) => saltOfDay(tx, day, dayOf(today - DAY_MS)))
      .then((salt) => (salt === null ? null : new DayVisitors(salt)))
    this.#days.set(day, asked)
    for (const old of this.#days.keys()) if (old < dayOf(today - DAY_MS)) this.#days.delete(old)
    asked.catch(() => this.#days.delete(day))
    return await asked
  }
}

/** The visitors of one day. */
export class DayVisitors {
  readonly #salt: Buffer
  /** By tenant, address and agent: a visitor who comes again needs no text to be put together. */
  #known = new Map<string, Map<string, Map<Agent, Buffer>>>()
  #size = 0

  constructor(salt: Buffer) {
    this.#salt = salt
  }

  /** Eight bytes that stand for a visitor of a tenant on this day. */
  of(tenantId: string, address: string, agent: Agent): Buffer {
    const known = this.#known.get(tenantId)?.get(address)?.get(agent)
    if (known) return known
    const text = `${tenantId} ${callerOf(address)} ${agent.text}`
    const hash = createHmac('sha256', this.#salt).update(text).digest().subarray(0, HASH_BYTES)
    if (this.#size >= REMEMBERED) {
      this.#known = new Map()
      this.#size = 0
    }
    within(within(this.#known, tenantId), address).set(agent, hash)
    this.#size++
    return hash
  }
}

/** The map of a key in a map of maps; an empty one when there is none. */
function within<K, K2, V>(maps: Map<K, Map<K2, V>>, key: K): Map<K2, V> {
  let found = maps.get(key)
  if (found === undefined) {
    found = new Map()
    maps.set(key, found)
  }
  return found
}

/** The day of a time, in UTC: `2026-11-22`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** The key of a day; made by whoever asks first. Those before `oldest` go. */
async function saltOfDay(tx: Tx, day: string, oldest: string): Promise<Buffer | null> {
  await tx.run(saltDeletion(oldest))
  await tx.run(saltAddition(day, randomBytes(SALT_BYTES)))
  return (await tx.maybe(salt(day)))?.salt ?? null
}
const saltDeletion = statement<[string], never>('delete from link_visitor_salts where day < $1::date')
const saltAddition = statement<[string, Buffer], never>(
  'insert into link_visitor_salts (day, salt) values ($1::date, $2) on conflict (day) do nothing',
)
const salt = statement<[string], { salt: Buffer }>('select salt from link_visitor_salts where day = $1::date')
