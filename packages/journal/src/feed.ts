/*
 * All reading of a process goes through one feed. What lies before the horizon never changes, so a page that was read
 * once serves every reader of the process that stands at the same place: readers that keep up walk in step and cost one
 * query together.
 *
 * Two things must not be shared blindly. A query that is under way may have started before the newest hint, so whoever
 * joins it is told to ask again (`more`). And a page that was short when it was read says nothing about now, so a
 * remembered page is always `more` too.
 */
import type { Database } from '@stoa/db'
import type { Actor, BaseCtx } from '@stoa/kernel'
import type { JournalEvent } from './event.ts'
import { type EventRow, eventsAfter } from './event-store.ts'
import { type Position, positionOf, positionParts } from './position.ts'
import type { EventRegistry } from './registry.ts'

/** A stretch of the journal. */
export interface Page {
  readonly events: readonly JournalEvent[]
  /** Where a reader stands behind these events; where it stood before when there are none. */
  readonly position: Position
  /** There may be more already: ask again at once. */
  readonly more: boolean
  /** Events are there that cannot be read yet, because an older transaction is still in flight. */
  readonly waiting: boolean
}

interface Flight {
  readonly page: Promise<Page>
  readonly hintsBefore: number
}

const REMEMBERED_PAGES = 4

/** Reads pages, once for all readers of the process. */
export class Feed {
  readonly #db: Database
  readonly #ctx: BaseCtx
  readonly #registry: EventRegistry
  readonly #flights = new Map<Position, Flight>()
  readonly #pages = new Map<Position, Page>()
  #hints = 0

  constructor(db: Database, ctx: BaseCtx, registry: EventRegistry) {
    this.#db = db
    this.#ctx = ctx
    this.#registry = registry
  }

  /** A query that started before this call may not know what the hint is about. */
  hinted(): void {
    this.#hints++
  }

  /** What follows `after`, at most `limit` events. */
  async page(after: Position, limit: number): Promise<Page> {
    const remembered = this.#pages.get(after)
    if (remembered) return cut({ ...remembered, more: true }, limit)
    const flight = this.#flights.get(after)
    if (flight) {
      const page = await flight.page
      return cut(flight.hintsBefore === this.#hints ? page : { ...page, more: true }, limit)
    }
    const started = { hintsBefore: this.#hints, page: this.#read(after, limit) }
    this.#flights.set(after, started)
    try {
      return await started.page
    } finally {
      this.#flights.delete(after)
    }
  }

  async #read(after: Position, limit: number): Promise<Page> {
    const { xid, id } = positionParts(after)
    const rows = await this.#db.systemRead(this.#ctx, (tx) => tx.many(eventsAfter(xid, id, limit)))
    const firstWaiting = rows.findIndex((row) => !row.settled)
    const settled = firstWaiting < 0 ? rows : rows.slice(0, firstWaiting)
    const events = settled.map((row) => eventOf(row, this.#registry))
    const page: Page = {
      events,
      position: events.at(-1)?.position ?? after,
      more: rows.length === limit && firstWaiting < 0,
      waiting: firstWaiting >= 0,
    }
    if (events.length > 0) this.#remember(after, page)
    return page
  }

  #remember(after: Position, page: Page): void {
    this.#pages.set(after, page)
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= REMEMBERED_PAGES) return
      this.#pages.delete(oldest)
    }
  }
}

function cut(page: Page, limit: number): Page {
  if (page.events.length <= limit) return page
  const events = page.events.slice(0, limit)
  return { events, position: (events.at(-1) as JournalEvent).position, more: true, waiting: page.waiting }
}

/** A stored row as readers see it, in the newest version of its type. */
export function eventOf(row: EventRow, registry: EventRegistry): JournalEvent {
  const { version, data } = registry.decode(row.type, row.version, row.data)
  return {
    id: row.id,
    position: positionOf(row.xid, row.id),
    tenantId: row.tenantId,
    type: row.type,
    version,
    subjects: row.subjects,
    data,
    actor: { type: row.actorType as Actor['type'], id: row.actorId },
    requestId: row.requestId,
    traceId: row.traceId,
    at: row.at,
  }
}
