import type { Database, Tx } from '@stoa/db'
import { type BaseCtx, type Clock, type Ctx, type Logger, resolveOptions, StoaError, systemCtx } from '@stoa/kernel'
import { type AuditFilter, type AuditPage, auditTrail } from './audit.ts'
import { type Commit, Commits } from './commits.ts'
import { journalErrors } from './errors.ts'
import type { EventDefinition, EventInput, JournalEvent } from './event.ts'
import { type EventRow, eventAppended, eventsOfSubject, eventsUpTo, nextTransaction } from './event-store.ts'
import { eventOf, Feed } from './feed.ts'
import type { Hints } from './hints.ts'
import { type Maintenance, type MaintenanceOptions, maintain } from './maintenance.ts'
import { ensurePartitions, type PartitionReport, type RetentionReport, retain } from './partitions.ts'
import { comparePositions, type Position, positionOf, positionParts, startPosition } from './position.ts'
import { DurableReader, EVENTS_TOPIC, type Handle, type ReaderDeps } from './reader.ts'
import {
  READER_OPTIONS,
  type ReaderOptions,
  TAIL_OPTIONS,
  type TailOptions,
  type WatchOptions,
} from './reader-options.ts'
import { type ReaderRow, readerForgotten, readerList } from './reader-store.ts'
import { createEventRegistry, type EventRegistry } from './registry.ts'
import { sharedLooks } from './shared-look.ts'
import type { JournalSignal } from './signals.ts'
import { LiveTail } from './tail.ts'
import { openWatch, type Watch, type WatchHandler } from './watch.ts'

/** What the journal stands on. */
export interface JournalDeps {
  readonly db: Database
  /**
   * {@link processHints}, or {@link relayedHints} over Redis or NOTIFY when there are more processes. Closed by whoever
   * made it.
   */
  readonly hints: Hints
  readonly log: Logger
  readonly clock: Clock
  /** Told what happens to readers. Default: nobody. */
  readonly observe?: (signal: JournalSignal) => void
  /**
   * Wraps every call of a reader's or tail's handler, to trace it. `run` must be called once, and its outcome returned.
   * Default: nothing.
   */
  readonly instrument?: <T>(reader: string, events: number, run: () => Promise<T>) => Promise<T>
}

/** A durable reader, as {@link Journal.readers} reports it. */
export interface ReaderStatus {
  readonly name: string
  readonly position: Position
  /** Whether some process holds it now. */
  readonly held: boolean
  /** Process id and a random word of the last holder. */
  readonly holder: string
  /** When its cursor was last moved. */
  readonly advancedAt: Date
  /** Failures in a row of the event that it stands before. */
  readonly failures: number
  readonly lastError: string | null
}

/** A live tail. */
export interface Tail extends AsyncDisposable {
  /**
   * Resolves with the tail's place: every event behind it will be delivered. What lies before it can be read already,
   * all of it. Null when the tail is disposed before it has a place.
   */
  readonly ready: Promise<Position | null>
}

/**
 * Handles events one batch after the other. Throwing has the same events delivered again, later; `signal` aborts when
 * the reader is to stop.
 */
export type EventHandler = (events: readonly JournalEvent[], signal: AbortSignal) => Promise<void>

/**
 * Handles events in the transaction that moves the cursor: a transaction of the system role, kept or undone with the
 * cursor.
 */
export type TransactionalHandler = (events: readonly JournalEvent[], tx: Tx, signal: AbortSignal) => Promise<void>

/** Which events {@link Journal.about} gives. */
export interface AboutFilter {
  /** Not older than this: when the thing was made. */
  readonly since: Date
  /** Of this type only the newest one: of a type that comes often, and says how something stands. */
  readonly newestOf?: string
}

/** The append-only log of everything that was written. */
export interface Journal {
  /** Every event that can be appended, by type and version. */
  readonly events: readonly EventDefinition[]
  /**
   * Adds an event to the transaction. It costs no round trip: it leaves with the transaction's next statement or its
   * COMMIT. Readers are hinted after the commit.
   *
   * @throws StoaError `event_not_defined`, `event_invalid`, `event_of_another_tenant`: mistakes of the program, before
   * anything is sent
   */
  append(ctx: Ctx, tx: Tx, event: EventInput): void
  /**
   * Events of all tenants after a position, oldest first: fewer than `limit` when there are no more that can be read
   * yet. An event can be read when no transaction older than its own is in flight, so not always as soon as it is
   * committed.
   *
   * @param after null for the beginning
   * @param limit 1–5 000
   * @throws StoaError `invalid_cursor` when `after` is not a position
   */
  read(
    ctx: BaseCtx,
    after: string | null,
    limit: number,
  ): Promise<{ readonly events: readonly JournalEvent[]; readonly position: Position }>
  /**
   * Events of all tenants up to a position and with it, oldest first: the last `limit` of them, fewer when no more are
   * kept.
   *
   * @param upTo a place up to which a reader or a tail has read; before another one, some may not be readable yet
   * @param limit 1–5 000
   * @throws StoaError `invalid_cursor` when `upTo` is not a position
   */
  readBack(ctx: BaseCtx, upTo: Position, limit: number): Promise<readonly JournalEvent[]>
  /**
   * Events of the context's tenant about one thing, which is their main subject, oldest first: all that can be read by
   * now, the last 1 000. What comes later has a later position than all of them.
   */
  about(ctx: Ctx, subject: string, filter: AboutFilter): Promise<readonly JournalEvent[]>
  /**
   * Whether the journal has come as far as a position that came from outside: a reader of another process may be ahead
   * of one's own, and a made-up position be ahead of all.
   *
   * @throws StoaError `invalid_cursor` when it is not a position
   */
  hasReached(ctx: BaseCtx, position: string): Promise<boolean>
  /** Starts a durable reader: at least once, in order, one process at a time. Dispose to stop. */
  reader(options: ReaderOptions & { readonly transactional?: false }, handle: EventHandler): AsyncDisposable
  /** Starts a durable reader whose handler writes in the transaction that moves its cursor: exactly once in effect. */
  reader(options: ReaderOptions & { readonly transactional: true }, handle: TransactionalHandler): AsyncDisposable
  /** Starts a live tail: every event from now on, in memory, in this process. Dispose to stop. */
  tail(options: TailOptions, handle: EventHandler): Tail
  /**
   * Starts a watch: every event as soon as it can be seen, in memory, in this process. Unlike a tail it is held back by
   * no open transaction, and for that it keeps no order between transactions, and may give an event again. For who
   * drops what it knows of a thing: caches.
   */
  watch(options: WatchOptions, handle: WatchHandler): Watch
  /**
   * Calls `listener` for each transaction of this process that appended something, once its COMMIT is acknowledged and
   * before whoever ran it goes on. It must be quick; a crash loses it.
   */
  committed(listener: (commit: Commit) => void): Disposable
  /**
   * The tenant's audit trail. See {@link AuditFilter}. @throws StoaError `forbidden`, `validation_failed`,
   * `invalid_cursor`
   */
  audit(ctx: Ctx, filter: AuditFilter): Promise<AuditPage>
  /** All durable readers, by name. */
  readers(ctx: BaseCtx): Promise<ReaderStatus[]>
  /**
   * Forgets a durable reader that nobody holds, so that it no longer holds retention back. @returns whether there was
   * one
   */
  forgetReader(ctx: BaseCtx, name: string): Promise<boolean>
  /** Makes the partitions of this month and the two after it. At boot, and daily. */
  ensurePartitions(ctx: BaseCtx): Promise<PartitionReport>
  /** Drops the months before the last `months` ones, unless a durable reader has not read them. 1–1 200. */
  retain(ctx: BaseCtx, months: number): Promise<RetentionReport>
  /** Does both of the above now and daily, until disposed. */
  maintain(options: MaintenanceOptions): Maintenance
}

/**
 * Opens the journal of a database whose schema has {@link journalMigrations}.
 *
 * @throws TypeError when an event version is defined twice
 */
export function createJournal(options: { readonly events: readonly EventDefinition[] }, deps: JournalDeps): Journal {
  const { clock, db, hints, instrument = (_reader, _events, run) => run(), log } = deps
  const registry = createEventRegistry(options.events)
  const observe = quietly(deps)
  const ctxOf = (reason: string) => systemCtx({ log, clock }, reason)
  const feed = new Feed(db, ctxOf('journal'), registry)
  hints.subscribe(EVENTS_TOPIC, () => feed.hinted())
  const readerDeps = (name: string): ReaderDeps => ({ db, hints, feed, observe, ctx: ctxOf(`reader:${name}`) })
  const looking = sharedLooks({ db, hints, registry, ctx: ctxOf('watches') })
  const commits = new Commits(() => hints.publish(EVENTS_TOPIC))

  return Object.freeze<Journal>({
    events: registry.definitions,
    append(ctx, tx, event) {
      if (tx.tenantId !== null && tx.tenantId !== ctx.tenant.id) {
        throw new StoaError(journalErrors.event_of_another_tenant, {
          context: { type: event.type, tenant: tx.tenantId },
        })
      }
      const { subjects, type } = event
      commits.append(tx, { tenantId: ctx.tenant.id, type, subjects }, insertionOf(registry, ctx, event))
    },
    read: (_ctx, after, limit) => readFrom(feed, after, limit),
    readBack: async (ctx, upTo, limit) => (await lastRows(db, ctx, upTo, limit)).map((row) => eventOf(row, registry)),
    about: (...asked) => eventsAbout(db, registry, ...asked),
    hasReached: (ctx, position) => hasReached(db, ctx, position),
    reader(input: ReaderOptions, handle: EventHandler | TransactionalHandler) {
      const resolved = resolveOptions(READER_OPTIONS, input, {
        name: 'journal.reader',
        relations: [
          (o) => (o.saveMs < o.leaseMs ? null : 'saveMs must be below leaseMs'),
          (o) => (o.retryMinMs <= o.retryMaxMs ? null : 'retryMinMs must not be above retryMaxMs'),
        ],
      })
      const { name, transactional } = resolved
      const call: Handle = transactional
        ? (events, signal, tx) =>
            instrument(name, events.length, () => (handle as TransactionalHandler)(events, tx as Tx, signal))
        : (events, signal) => instrument(name, events.length, () => (handle as EventHandler)(events, signal))
      return new DurableReader(readerDeps(name), resolved, call)
    },
    tail(input, handle) {
      const resolved = resolveOptions(TAIL_OPTIONS, input, {
        name: 'journal.tail',
        relations: [(o) => (o.retryMinMs <= o.retryMaxMs ? null : 'retryMinMs must not be above retryMaxMs')],
      })
      const { name } = resolved
      const call: EventHandler = (events, signal) => instrument(name, events.length, () => handle(events, signal))
      return new LiveTail(readerDeps(name), resolved, call)
    },
    watch: (input, handle) => openWatch(looking(), input, handle, log),
    committed: (listener) => commits.listen(listener),
    audit: (ctx, filter) => auditTrail(db, registry, ctx, filter),
    async readers(ctx) {
      const rows = await db.systemRead(ctx, (tx) => tx.many(readerList()))
      return rows.map(statusOf)
    },
    forgetReader: async (ctx, name) => (await db.system(ctx, (tx) => tx.run(readerForgotten(name)))) > 0,
    ensurePartitions: (ctx) => ensurePartitions(db, ctx),
    retain: (ctx, months) => retain(db, ctx, months),
    maintain: (settings) => maintain(db, ctxOf('journal.maintenance'), settings),
  })
}

/** @throws StoaError `event_not_defined`, `event_invalid` */
function insertionOf(registry: EventRegistry, ctx: Ctx, event: EventInput): ReturnType<typeof eventAppended> {
  const data = registry.encode(event)
  const { actor, requestId, tenant, traceId } = ctx
  const { subjects, type, version } = event
  const at = new Date(ctx.clock.now())
  // Asked for only when it is kept: who asks has it worked out.
  const place = registry.keepsPlace(event) ? ctx.place : undefined
  return eventAppended(
    tenant.id,
    at,
    version,
    type,
    subjects,
    data,
    actor.type,
    actor.id,
    requestId,
    traceId,
    place?.addressPrefix ?? null,
    place?.device ?? null,
  )
}

async function readFrom(feed: Feed, after: string | null, limit: number): ReturnType<Journal['read']> {
  checkLimit(limit)
  const events: JournalEvent[] = []
  let position = (after ?? startPosition) as Position
  for (let more = true; more && events.length < limit; ) {
    const page = await feed.page(position, limit - events.length)
    events.push(...page.events)
    ;({ more, position } = page)
  }
  return { events, position }
}

async function lastRows(db: Database, ctx: BaseCtx, upTo: Position, limit: number): Promise<EventRow[]> {
  checkLimit(limit)
  const { xid, id } = positionParts(upTo)
  return (await db.systemRead(ctx, (tx) => tx.many(eventsUpTo(xid, id, limit)))).reverse()
}

const ABOUT_LIMIT = 1_000

async function eventsAbout(
  db: Database,
  registry: EventRegistry,
  ...[ctx, subject, { newestOf, since }]: Parameters<Journal['about']>
): Promise<readonly JournalEvent[]> {
  const query = eventsOfSubject(ctx.tenant.id, subject, since, newestOf ?? null, ABOUT_LIMIT)
  const rows = await db.read(ctx, (tx) => tx.many(query))
  return rows.map((row) => eventOf(row, registry))
}

async function hasReached(db: Database, ctx: BaseCtx, position: string): Promise<boolean> {
  positionParts(position)
  const { xid } = await db.systemRead(ctx, (tx) => tx.one(nextTransaction()))
  // The place before the next transaction's first event is where a tail begins while nobody writes.
  return comparePositions(position as Position, positionOf(xid, 0)) <= 0
}

function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > 5_000) throw new RangeError('limit must be 1 to 5000')
}

function statusOf(row: ReaderRow): ReaderStatus {
  const { advancedAt, failures, held, holder, lastError, name } = row
  return {
    name,
    position: `${row.positionXid}.${row.positionId}` as Position,
    held,
    holder,
    advancedAt,
    failures,
    lastError,
  }
}

/** An observer that throws harms nobody. */
function quietly({ log, observe }: JournalDeps): (signal: JournalSignal) => void {
  if (!observe) return () => undefined
  return (signal) => {
    try {
      observe(signal)
    } catch (err) {
      log.error({ err, kind: signal.kind }, 'an observer of the journal failed')
    }
  }
}
