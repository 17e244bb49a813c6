/**
 * Visits that found no link: what people mistyped, what was printed wrong, and what scanners try. They are counted in
 * memory by host and word, and written together. A scanner tries another word each time, so what is held and what is kept
 * is bounded: {@link HELD} words in a process, {@link KEPT} on a host and day; all others are one, `*`.
 *
 * A crash loses what was not written yet, some seconds' worth. Nothing of who came is kept.
 */
import { type Database, statement, type Tx } from '@stoa/db'
import { type BaseCtx, type Ctx, type Repeating, repeat } from '@stoa/kernel'
import { dayOf } from './visitor-salts.ts'

/** Words that a process holds until they are written. */
const HELD = 500
/** Words that are kept of a host and day. */
const KEPT = 1_000
/** Longest word, in characters. */
const WORD_MAX = 24
const EVERY_MS = 10_000
const DAY_MS = 86_400_000
const SHOWN_DAYS = 30
const KEPT_DAYS = 90
/** What counts for all other words. */
const OTHERS = '*'

/** One word on a host. */
interface OrphanCount {
  readonly space: string
  readonly word: string
  readonly visits: number
}

/** Visits of this process that found no link. */
export class Orphans implements AsyncDisposable {
  readonly #db: Database
  readonly #ctx: BaseCtx
  readonly #writing: Repeating
  #held = new Map<string, OrphanCount>()
  #counted = 0

  constructor(db: Database, ctx: BaseCtx) {
    this.#db = db
    this.#ctx = ctx
    this.#writing = repeat(() => this.flush(), {
      clock: ctx.clock,
      everyMs: EVERY_MS,
      onError: (err) => ctx.log.warn({ err }, 'visits without a link could not be written; later again'),
    })
  }

  /** How many there were since the start. */
  get counted(): number {
    return this.#counted
  }

  /** Counts a visit. @param space where the code was looked up */
  note(space: string, code: string): void {
    this.#counted++
    const word = wordOf(code)
    const key = `${space} ${word}`
    const known = this.#held.get(key)
    if (known === undefined && this.#held.size >= HELD && word !== OTHERS) this.#add(space, OTHERS, 1)
    else this.#add(space, word, 1)
  }

  /** The words that led nowhere on a host, the most frequent first. @param from default: 30 days ago */
  async list(ctx: Ctx, space: string, from: Date | undefined, limit: number): Promise<OrphanCount[]> {
    const day = dayOf(from?.getTime() ?? ctx.clock.now() - SHOWN_DAYS * DAY_MS)
    return await this.#db.systemRead(this.#ctx, (tx) => orphanList(tx, space, day, limit))
  }

  /** Writes what there is; what cannot be written is held. */
  async flush(): Promise<void> {
    const held = [...this.#held.values()]
    if (held.length === 0) return
    this.#held = new Map()
    try {
      await this.#db.system(this.#ctx, (tx) => addOrphans(tx, this.#ctx.clock.now(), held))
    } catch (error) {
      for (const { space, visits, word } of held) this.#add(space, word, visits)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing[Symbol.asyncDispose]()
    await this.flush().catch((err: unknown) => this.#ctx.log.warn({ err }, 'visits without a link were not written'))
  }

  #add(space: string, word: string, visits: number): void {
    const key = `${space} ${word}`
    this.#held.set(key, { space, word, visits: visits + (this.#held.get(key)?.visits ?? 0) })
  }
}

/** The first part of a path, as far as it can be a code; anything else is one of the others. */
function wordOf(code: string): string {
  const [first = ''] = code.split('/', 1)
  return /^[A-Za-z0-9_.~-]+$/.test(first) ? first.slice(0, WORD_MAX) : OTHERS
}

/** Adds visits to a day. Rows are touched in the order of their keys; words beyond what is kept become one. */
async function addOrphans(tx: Tx, now: number, counts: readonly OrphanCount[]): Promise<void> {
  tx.later(orphanDeletion(dayOf(now - KEPT_DAYS * DAY_MS)))
  await tx.run(
    orphanAddition(
      dayOf(now),
      counts.map(({ space }) => space),
      counts.map(({ word }) => word),
      counts.map(({ visits }) => visits),
    ),
  )
}
const orphanAddition = statement<[string, readonly string[], readonly string[], readonly number[]], never>(`
with arrived as (
  select space, word, visits, row_number() over (partition by space order by visits desc, word) as place
  from unnest($2::text[], $3::text[], $4::bigint[]) as a (space, word, visits)
),
named as (
  select a.space, visits, case
    when exists (select from link_orphans o where o.space = a.space and o.day = $1::date and o.word = a.word)
      or place + (select count(*) from link_orphans o where o.space = a.space and o.day = $1::date) <= ${KEPT} then word
    else '${OTHERS}' end as word
  from arrived a
)
insert into link_orphans as sums (space, day, word, visits)
select space, $1::date, word, sum(visits) from named group by 1, 3 order by 1, 3
on conflict (space, day, word) do update set visits = sums.visits + excluded.visits`)

function orphanList(tx: Tx, space: string, from: string, limit: number): Promise<OrphanCount[]> {
  return tx.many(orphansOf(space, from, limit))
}
const orphansOf = statement<[string, string, number], OrphanCount>(`
select space, word, sum(visits)::bigint as visits
from link_orphans
where space = $1 and day >= $2::date
group by 1, 2
order by visits desc, word
limit $3`)

const orphanDeletion = statement<[string], never>('delete from link_orphans where day < $1::date')
