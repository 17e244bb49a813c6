/*
 * Looking for all watches of a process: one query brings what each of them is handed.
 *
 * Readers and tails follow the order of the journal, and so stop before the oldest transaction in flight. Who only
 * wants to know *that* something changed need not: what a snapshot of the database shows and the one before did not is
 * what was committed in between, whatever is still open. So the snapshot of the last look is kept, and each look is the
 * difference between two.
 *
 * Who joins begins at the horizon, as if nothing behind the oldest open transaction had been seen, so that what was
 * committed just before comes too: a look of its own, after which it is handed what the others are, some of it once more.
 * Who does not take what it is handed stands apart, so that nobody waits for it; when it has, it joins again from there.
 */
import type { Database } from '@stoa/db'
import { Alarm, type BaseCtx, backoffMs } from '@stoa/kernel'
import type { JournalEvent } from './event.ts'
import { type EventRow, eventsUnseen, horizon } from './event-store.ts'
import { eventOf } from './feed.ts'
import { pause } from './follow.ts'
import type { Hints } from './hints.ts'
import { EVENTS_TOPIC } from './reader.ts'
import type { EventRegistry } from './registry.ts'

/** What looking needs. */
export interface LookingDeps {
  readonly db: Database
  readonly hints: Hints
  readonly registry: EventRegistry
  readonly ctx: BaseCtx
}

/** Who is handed what a look brings. */
export interface Looker {
  readonly batchSize: number
  readonly pollMs: number
  /** It has joined: every event that this snapshot does not show will be handed over. */
  begins(snapshot: string): void
  /** Takes a page. `snapshot` comes with the last page of a look: what it shows has all been handed over then. */
  take(events: readonly JournalEvent[], snapshot: string | null): void
  /** Whether it may be handed more: what it was handed does not pile up. */
  readonly hasRoom: boolean
}

interface Asked {
  readonly looker: Looker
  done(): void
}

interface Place {
  readonly xid: string
  readonly id: string
}

interface Page {
  readonly snapshot: string
  readonly events: readonly JournalEvent[]
  readonly next: Place | null
}

const GATHER_MS = 5
/** After a look it rests so many times as long as the look took: looking is at most a third of its life. */
const REST = 2
const RETRY_MS = 100
const RETRY_MAX_MS = 1_000

/** Gives the look that whoever watches now may join. */
export function sharedLooks(deps: LookingDeps): () => SharedLook {
  let look: SharedLook | undefined
  return () => {
    if (!look?.isOpen) look = new SharedLook(deps)
    return look
  }
}

/** Looks from the first looker on until the last one has left; then it is over. */
export class SharedLook {
  readonly #deps: LookingDeps
  readonly #closing = new AbortController()
  readonly #alarm = new Alarm()
  readonly #lookers = new Set<Looker>()
  /** Who is not handed what the others are, and the snapshot that has been handed over; null for who is new. */
  readonly #apart = new Map<Looker, string | null>()
  #asked: Asked[] = []
  #running: Promise<void> | null = null

  constructor(deps: LookingDeps) {
    this.#deps = deps
  }

  /** Whether one may still join. */
  get isOpen(): boolean {
    return !this.#closing.signal.aborted
  }

  join(looker: Looker): void {
    this.#apart.set(looker, null)
    this.#alarm.ring()
    this.#running ??= this.#run()
  }

  /** The last one waits for the present look. */
  async leave(looker: Looker): Promise<void> {
    this.#apart.delete(looker)
    this.#lookers.delete(looker)
    if (this.#apart.size + this.#lookers.size > 0) return
    this.#closing.abort()
    this.#alarm.ring()
    await this.#running
  }

  /** It has room again. */
  freed(looker: Looker): void {
    if (this.#apart.has(looker)) this.#alarm.ring()
  }

  /** Resolves when everything that was committed before the call is in its hands; never when this is over before. */
  look(looker: Looker): Promise<void> {
    return new Promise((done) => {
      this.#asked.push({ looker, done })
      this.#alarm.ring()
    })
  }

  async #run(): Promise<void> {
    const { ctx, hints } = this.#deps
    const { signal } = this.#closing
    using _hinted = hints.subscribe(EVENTS_TOPIC, () => this.#alarm.ring())
    for (let seen: string | null = null; !signal.aborted; ) {
      this.#alarm.reset()
      // Whoever asks from now on may mean what this look does not show.
      const asked = this.#asked.splice(0)
      const begun = performance.now()
      const shown: string | null = seen === null ? null : await this.#lookForAll(seen)
      const joined = await this.#admit()
      if (signal.aborted) return
      seen = shown ?? joined ?? seen
      for (const one of asked) if (this.#apart.has(one.looker)) this.#asked.push(one)
      for (const one of asked) if (this.#lookers.has(one.looker)) one.done()
      await pause(Math.max(GATHER_MS, REST * (performance.now() - begun)), signal)
      await this.#alarm.wait(ctx.clock, Math.min(...this.#all().map(({ pollMs }) => pollMs)))
    }
  }

  async #lookForAll(seen: string): Promise<string | null> {
    for (const looker of this.#lookers) {
      if (looker.hasRoom) continue
      this.#lookers.delete(looker)
      this.#apart.set(looker, seen)
    }
    return await this.#look(seen, [...this.#lookers])
  }

  /** Lets those in who stand apart and have room. @returns what a look for them has shown; null when there are none */
  async #admit(): Promise<string | null> {
    const waiting = [...this.#apart].filter(([looker]) => looker.hasRoom)
    let shown: string | null = null
    for (const [seen, group] of Map.groupBy(waiting, ([, snapshot]) => snapshot)) {
      const lookers = group.map(([looker]) => looker)
      const earlier = seen ?? (await this.#begin(lookers))
      shown = earlier === null ? null : await this.#look(earlier, lookers)
      if (shown === null) return null
      for (const looker of lookers) if (this.#apart.delete(looker)) this.#lookers.add(looker)
    }
    return shown
  }

  /** @returns a snapshot that shows what lies before the oldest transaction in flight; null when this is over before */
  async #begin(lookers: readonly Looker[]): Promise<string | null> {
    const { ctx, db } = this.#deps
    const oldest = await this.#patiently(() => db.systemRead(ctx, (tx) => tx.one(horizon())))
    if (oldest === null) return null
    const beginning = `${oldest.xid}:${oldest.xid}:`
    for (const looker of lookers) looker.begins(beginning)
    return beginning
  }

  /** @returns the snapshot of this look; null when it is over before */
  async #look(earlier: string, lookers: readonly Looker[]): Promise<string | null> {
    let place = { xid: earlier.slice(0, earlier.indexOf(':')), id: '-1' }
    for (let snapshot: string | null = null; ; ) {
      const page = await this.#patiently(() => this.#page(earlier, place))
      if (page === null) return null
      // Later pages may show more than the first one did; what they show too early comes again with the next look.
      snapshot ??= page.snapshot
      for (const looker of lookers) looker.take(page.events, page.next === null ? snapshot : null)
      if (page.next === null) return snapshot
      place = page.next
    }
  }

  /** What lies behind a place and was not seen earlier; `next` is where the page after it begins. */
  async #page(earlier: string, { xid, id }: Place): Promise<Page> {
    const { ctx, db, registry } = this.#deps
    const batchSize = Math.min(...this.#all().map((looker) => looker.batchSize))
    const rows = await db.systemRead(ctx, (tx) => tx.many(eventsUnseen(earlier, xid, id, batchSize)))
    const seen = rows.filter((row) => row.id !== null) as EventRow[]
    const last = seen.length < batchSize ? undefined : seen.at(-1)
    return {
      snapshot: (rows[0] as { snapshot: string }).snapshot,
      events: seen.map((row) => eventOf(row, registry)),
      next: last === undefined ? null : { xid: last.xid, id: String(last.id) },
    }
  }

  #all(): readonly Looker[] {
    return [...this.#lookers, ...this.#apart.keys()]
  }

  /** What `look` gives, however often it fails before; null when this is over first. */
  async #patiently<T>(look: () => Promise<T>): Promise<T | null> {
    const { signal } = this.#closing
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await look()
      } catch (err) {
        if (signal.aborted) return null
        this.#deps.ctx.log.warn({ err, attempt }, 'the journal could not be looked at for its watches: trying again')
        await pause(backoffMs(attempt, RETRY_MS, RETRY_MAX_MS), signal)
      }
    }
    return null
  }
}
