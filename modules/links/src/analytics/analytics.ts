/**
 * What clicks come to: in a window of time, by points of a series in a time zone, and by what they have in common.
 *
 * Three sources in one snapshot: the sums by half hours, which are written with the clicks, say how many there are; the
 * facets say what they have in common; and the clicks that are not folded into facets yet are counted by themselves. So
 * the parts always add up to the whole: what is missing in a breakdown is shown as unknown.
 */
import type { Database } from '@stoa/db'
import { type Ctx, errors, requirePermission, StoaError } from '@stoa/kernel'
import type { Static } from 'typebox'
import { linkErrors } from '../errors.ts'
import { linkOf } from '../link-resource.ts'
import { linkRow } from '../link-store.ts'
import { type LinkAnalytics, type LinkAnalyticsOverview, POINTS_MAX } from './analytics-schema.ts'
import {
  type ClickCount,
  type ClickPoint,
  type ClickScope,
  clickPoints,
  clickValues,
  type Dimension,
  type Interval,
  mostFollowed,
  seriesPoints,
  type ValueCount,
} from './analytics-store.ts'
import type { Places } from './geo.ts'

/** What is asked for. */
export interface AnalyticsInput {
  readonly from?: Date | undefined
  readonly to?: Date | undefined
  readonly interval: Interval
  readonly timeZone: string
  readonly by?: readonly Dimension[] | undefined
  readonly top: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** How wide an interval is at least, and how far back a window goes that names no beginning. */
const intervals: Readonly<Record<Interval, { readonly ms: number; readonly backMs: number }>> = {
  hour: { ms: HOUR_MS, backMs: 23 * HOUR_MS },
  day: { ms: DAY_MS - HOUR_MS, backMs: 29 * DAY_MS },
  week: { ms: 7 * DAY_MS - HOUR_MS, backMs: 77 * DAY_MS },
  month: { ms: 28 * DAY_MS - HOUR_MS, backMs: 335 * DAY_MS },
}

/** What is known of clicks. */
export class Analytics {
  readonly #db: Database
  readonly #geo: Pick<Places, 'attribution'>

  constructor(db: Database, geo: Pick<Places, 'attribution'>) {
    this.#db = db
    this.#geo = geo
  }

  /** Clicks of one link. Refuses with `link_not_found`, `validation_failed`, `series_too_long`. */
  async ofLink(ctx: Ctx, id: string, input: AnalyticsInput): Promise<Static<typeof LinkAnalytics>> {
    const report = await this.#report(ctx, id, input)
    return { linkId: id, ...report } as Static<typeof LinkAnalytics>
  }

  /** Clicks of all links of the tenant. Refuses with `validation_failed`, `series_too_long`. */
  async overview(ctx: Ctx, input: AnalyticsInput): Promise<Static<typeof LinkAnalyticsOverview>> {
    return await this.#report(ctx, null, input)
  }

  async #report(ctx: Ctx, linkId: string | null, input: AnalyticsInput) {
    requirePermission(ctx, 'links:read', linkId === null ? undefined : linkOf(linkId))
    const { interval, timeZone, top } = input
    const { from, to } = windowOf(input, ctx.clock.now())
    checkTimeZone(timeZone)
    const dimensions = [...new Set(input.by ?? [])]
    const tenantId = ctx.tenant.id
    return await this.#db.read(
      ctx,
      async (tx) => {
        const [points, link] = await Promise.all([
          seriesPoints(tx, { from, to, interval, timeZone }),
          linkId === null ? undefined : linkRow(tx, tenantId, linkId),
        ])
        if (linkId !== null && link === undefined) throw new StoaError(linkErrors.link_not_found)
        const [first, last] = [points[0], points.at(-1)] as [Date, Date]
        const scope: ClickScope = { tenantId, linkId, from: first, to: last }
        const faceted = dimensions.filter((dimension) => dimension !== 'link')
        const [counted, values, links] = await Promise.all([
          clickPoints(tx, scope, interval, timeZone),
          faceted.length === 0 ? [] : clickValues(tx, scope, faceted, top),
          dimensions.includes('link') ? mostFollowed(tx, scope, top) : [],
        ])
        const total = counted.reduce(add, NONE)
        return {
          from: first.toISOString(),
          to: last.toISOString(),
          interval,
          timeZone,
          total,
          series: seriesOf(points, counted),
          breakdowns: dimensions.map((dimension) => breakdown(dimension, [...links, ...values], total)),
          attribution: this.#geo.attribution,
        }
      },
      { snapshot: true },
    )
  }
}

const NONE: ClickCount = { clicks: 0, bots: 0, visitors: 0 }

function add(a: ClickCount, b: ClickCount): ClickCount {
  return { clicks: a.clicks + b.clicks, bots: a.bots + b.bots, visitors: a.visitors + b.visitors }
}

function shown({ bots, clicks, visitors }: ClickCount): ClickCount {
  return { clicks, bots, visitors }
}

/** With empty points too. The last one is the end. */
function seriesOf(points: readonly Date[], counted: readonly ClickPoint[]) {
  const byTime = new Map(counted.map((point) => [point.at.getTime(), point]))
  return points.slice(0, -1).map((at) => ({ at: at.toISOString(), ...shown(byTime.get(at.getTime()) ?? NONE) }))
}

function breakdown(by: Dimension, all: readonly ValueCount[], total: ClickCount) {
  const own = all.filter(({ dimension }) => dimension === by)
  const known = own.reduce(add, NONE)
  const unknown = {
    clicks: Math.max(0, total.clicks - known.clicks),
    bots: Math.max(0, total.bots - known.bots),
    visitors: Math.max(0, total.visitors - known.visitors),
  }
  const values = own.flatMap(({ value, ...count }) => (value === null ? [] : [{ value, ...shown(count) }]))
  return { by, values, other: shown(own.find(({ value }) => value === null) ?? NONE), unknown }
}

/** The window in milliseconds that is asked for, before it is rounded to intervals. */
function windowOf({ from, interval, to }: AnalyticsInput, now: number): { readonly from: Date; readonly to: Date } {
  const end = to ?? new Date(now + 1)
  const start = from ?? new Date(end.getTime() - intervals[interval].backMs)
  if (start >= end)
    throw refusal(errors.validation_failed, '/query/from', 'order', 'The beginning lies before the end.')
  if ((end.getTime() - start.getTime()) / intervals[interval].ms > POINTS_MAX) {
    const message = `A series has at most ${POINTS_MAX} points.`
    throw refusal(linkErrors.series_too_long, '/query/from', 'too_long', message)
  }
  return { from: start, to: end }
}

/** A name of the IANA database. PostgreSQL takes offsets and abbreviations too, and means something else by them. */
function checkTimeZone(name: string): void {
  if (/^[A-Za-z]+(\/[A-Za-z0-9_+-]+){0,2}$/.test(name) && isKnown(name)) return
  throw refusal(errors.validation_failed, '/query/timeZone', 'unknown', 'This is not the IANA name of a time zone.')
}

function isKnown(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
    return true
  } catch {
    return false
  }
}

function refusal(spec: ConstructorParameters<typeof StoaError>[0], pointer: string, code: string, message: string) {
  return new StoaError(spec, { message, fields: [{ pointer, code, message }] })
}
