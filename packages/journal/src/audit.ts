import type { Database } from '@stoa/db'
import { type Actor, actorTypes, type Ctx, errors, type FieldError, requirePermission, StoaError } from '@stoa/kernel'
import type { AuditEvent } from './event.ts'
import { type AuditQuery, type AuditRow, auditPage } from './event-store.ts'
import { eventOf } from './feed.ts'
import type { EventRegistry } from './registry.ts'

/** Which events; all that are given must hold. */
export interface AuditFilter {
  /** `link:<id>`: events that name it as any of their subjects. */
  readonly subject?: string | undefined
  /** Id of a user, a key, or the reason of a system's action. */
  readonly actor?: string | undefined
  readonly actorType?: Actor['type'] | undefined
  /** `link.created`. Alone it walks all events of the tenant: give a time range with it. */
  readonly type?: string | undefined
  /** At this time or later. Default: as far back as events are kept. */
  readonly after?: Date | undefined
  /** Before this time. Default: now. */
  readonly before?: Date | undefined
  /** `nextCursor` of the page before, with the same filter. */
  readonly cursor?: string | undefined
  /** 1–100. Default 20. */
  readonly limit?: number | undefined
}

/** A page of the audit trail, newest first. */
export interface AuditPage {
  readonly events: readonly AuditEvent[]
  /** For the next page; null when there is none. */
  readonly nextCursor: string | null
}

/** Permissions of the journal, with what each allows. */
export const journalPermissions = { 'audit:read': 'Read the audit trail: who did what, when.' } as const

/** Where a page begins. */
interface Beginning {
  readonly at: Date
  /** bigint, decimal. */
  readonly id: string
}

const DAY_MS = 86_400_000
/** PostgreSQL's timestamptz and JavaScript's Date both hold these. */
const BEGINNING = new Date('0001-01-01T00:00:00Z')
const END = new Date('9999-12-31T23:59:59.999Z')
/**
 * How far back each attempt looks, in days, until the page is full. Recent events fill it in the first one or two
 * partitions; without the steps every question would descend into every month that is kept (for a subject, four times).
 */
const WINDOWS_DAYS = [31, 186, Number.POSITIVE_INFINITY]

/**
 * The tenant's audit trail, newest first. Needs the permission `audit:read`.
 *
 * @throws StoaError `forbidden`, `validation_failed`, `invalid_cursor`
 */
export async function auditTrail(
  db: Database,
  registry: EventRegistry,
  ctx: Ctx,
  filter: AuditFilter,
): Promise<AuditPage> {
  requirePermission(ctx, 'audit:read')
  const limit = checkedFilter(filter)
  const oldest = filter.after ?? BEGINNING
  let below: Beginning =
    filter.cursor === undefined ? { at: filter.before ?? END, id: '0' } : parseCursor(filter.cursor)
  const newest = Math.min(below.at.getTime(), ctx.clock.now() + DAY_MS)
  const rows: AuditRow[] = []
  for (const days of WINDOWS_DAYS) {
    const start = new Date(
      Math.max(oldest.getTime(), Number.isFinite(days) ? newest - days * DAY_MS : Number.NEGATIVE_INFINITY),
    )
    const query = auditQuery(filter, start, below, limit + 1 - rows.length)
    rows.push(...(await db.read(ctx, (tx) => tx.many(auditPage(query)))))
    if (rows.length > limit || start.getTime() <= oldest.getTime()) break
    // What is left lies before the window; inside of it everything was given.
    below = { at: start, id: '0' }
  }
  const events = rows.slice(0, limit).map((row) => auditEventOf(row, registry))
  const last = events.at(-1)
  return { events, nextCursor: rows.length > limit && last ? formatCursor(last) : null }
}

function auditEventOf(row: AuditRow, registry: EventRegistry): AuditEvent {
  const { addressPrefix, device } = row
  const place = addressPrefix === null || device === null ? null : { addressPrefix, device }
  return { ...eventOf(row, registry), place }
}

function auditQuery(filter: AuditFilter, from: Date, below: Beginning, limit: number): AuditQuery {
  return {
    subject: filter.subject ?? null,
    actorType: filter.actorType ?? null,
    actorId: filter.actor ?? null,
    type: filter.type ?? null,
    from,
    beforeAt: below.at,
    beforeId: below.id,
    limit,
  }
}

/** The limit of a filter whose values are all in range. */
function checkedFilter(filter: AuditFilter): number {
  const fields: FieldError[] = []
  const reject = (name: keyof AuditFilter, message: string) =>
    fields.push({ pointer: `/query/${name}`, code: 'invalid', message })
  for (const name of ['subject', 'actor', 'type'] as const) {
    const value = filter[name]
    if (value !== undefined && !isText(value, 200)) reject(name, 'must be 1 to 200 characters')
  }
  for (const name of ['after', 'before'] as const) {
    const value = filter[name]
    if (value !== undefined && !(value >= BEGINNING && value <= END))
      reject(name, 'must be a time of the years 1 to 9999')
  }
  const { actorType, limit = 20 } = filter
  if (actorType !== undefined && !actorTypes.includes(actorType)) {
    reject('actorType', `must be one of ${actorTypes.join(', ')}`)
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) reject('limit', 'must be a whole number from 1 to 100')
  if (fields.length > 0) throw new StoaError(errors.validation_failed, { fields })
  return limit
}

function isText(value: string, maxLength: number): boolean {
  return value.length >= 1 && value.length <= maxLength && value.isWellFormed() && !value.includes('\0')
}

function formatCursor(event: AuditEvent): string {
  return Buffer.from(`${event.at.toISOString()} ${event.id}`).toString('base64url')
}

/** @throws StoaError `invalid_cursor` */
function parseCursor(cursor: string): Beginning {
  const text = cursor.length <= 100 ? Buffer.from(cursor, 'base64url').toString() : ''
  const [, iso, id] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (0|[1-9]\d{0,18})$/.exec(text) ?? []
  const at = new Date(iso ?? Number.NaN)
  const genuine = id !== undefined && at.getTime() >= BEGINNING.getTime() && BigInt(id) < 2n ** 63n
  if (!genuine || Buffer.from(text).toString('base64url') !== cursor) throw new StoaError(errors.invalid_cursor)
  return { at, id }
}
