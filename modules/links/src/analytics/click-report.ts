import type { Database } from '@stoa/db'
import { type Ctx, errors, requirePermission, StoaError } from '@stoa/kernel'
import { clickSums, clickTotal } from '../clicks/click-store.ts'
import type { LinkClicks } from '../contract.ts'
import { linkErrors } from '../errors.ts'
import { linkOf } from '../link-resource.ts'
import { linkRow } from '../link-store.ts'

/** Most points of a series: a month of hours, two years of days. */
const SERIES_MAX = 750

const unitMs = { hour: 3_600_000, day: 86_400_000 } as const
/** How far back a series goes that names no beginning, in points. */
const defaultPoints = { hour: 24, day: 30 } as const

/** Which part of a link's clicks is asked for. */
export interface ClickReportInput {
  readonly id: string
  readonly unit: 'hour' | 'day'
  /** Beginning; rounded down to the unit. Default: 24 hours or 30 days before the end. */
  readonly from?: Date | undefined
  /** End, exclusive; rounded up to the unit. Default: the end of the present hour or day. */
  readonly to?: Date | undefined
}

/**
 * How often a link was followed: in all, and per hour or day (UTC) with a point for each, empty ones too. Clicks that
 * wait to be written are not in it yet.
 *
 * Refuses with `link_not_found`, with `validation_failed` when the beginning is not before the end, and with
 * `series_too_long` beyond {@link SERIES_MAX} points.
 */
export async function clickReport(db: Database, ctx: Ctx, input: ClickReportInput): Promise<LinkClicks> {
  requirePermission(ctx, 'links:read', linkOf(input.id))
  const range = seriesRange(input, ctx.clock.now())
  const tenantId = ctx.tenant.id
  const [link, total, sums] = await db.read(
    ctx,
    (tx) =>
      Promise.all([
        linkRow(tx, tenantId, input.id),
        clickTotal(tx, tenantId, input.id),
        clickSums(tx, tenantId, input.id, range),
      ]),
    { snapshot: true },
  )
  if (link === undefined) throw new StoaError(linkErrors.link_not_found)
  const byTime = new Map(sums.map((sum) => [sum.at.getTime(), sum]))
  const series: LinkClicks['series'] = []
  for (let at = range.from.getTime(); at < range.to.getTime(); at += unitMs[range.unit]) {
    const sum = byTime.get(at)
    series.push({ at: new Date(at).toISOString(), clicks: sum?.clicks ?? 0, bots: sum?.bots ?? 0 })
  }
  return {
    linkId: input.id,
    total: { clicks: total.clicks, bots: total.bots },
    unit: range.unit,
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    series,
  }
}

/** The range in whole units. Pure. */
function seriesRange(input: Omit<ClickReportInput, 'id'>, now: number) {
  const { unit } = input
  const ms = unitMs[unit]
  const to = input.to === undefined ? (Math.floor(now / ms) + 1) * ms : Math.ceil(input.to.getTime() / ms) * ms
  const from = input.from === undefined ? to - defaultPoints[unit] * ms : Math.floor(input.from.getTime() / ms) * ms
  if (!(from < to)) {
    const message = 'The beginning lies before the end.'
    throw new StoaError(errors.validation_failed, { fields: [{ pointer: '/query/from', code: 'order', message }] })
  }
  if ((to - from) / ms > SERIES_MAX) {
    const message = `A series has at most ${SERIES_MAX} points.`
    throw new StoaError(linkErrors.series_too_long, {
      message,
      fields: [{ pointer: '/query/from', code: 'too_long', message }],
    })
  }
  return { unit, from: new Date(from), to: new Date(to) }
}
