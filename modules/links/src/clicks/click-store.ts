import { statement, type Tx } from '@stoa/db'
import type { ClickDetails } from '../analytics/click-details.ts'
import { encodeClicks } from './click-encoding.ts'
import type { Click } from './clicks.ts'

/** What a batch of clicks came to, without those that had been written before. */
export interface RecordedClicks {
  readonly clicks: number
  readonly bots: number
  readonly links: number
}

/**
 * Writes clicks and adds them to the sums per half hour, by one statement. A click that is there already (the batch was
 * tried before, and the answer was lost) adds nothing to the sums either. Sums are touched in key order, so that two
 * processes never wait for each other in a circle. The batch is listed for whoever folds it: see click-folding.ts.
 *
 * @param batch a number that no other write has: up to 2⁵³
 */
export function insertClicks(
  tx: Tx,
  tenantId: string,
  clicks: readonly Click[],
  details: ClickDetails,
  batch: number,
): Promise<RecordedClicks> {
  const { bots, ids, links, profiles, referrerHosts, times, visitors } = encodeClicks(clicks, details)
  return tx.one(clickInsertion(tenantId, ids, links, times, bots, referrerHosts, profiles, visitors, batch))
}
const clickInsertion = statement<
  [string, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, number],
  RecordedClicks
>(`
with recorded as (
  insert into link_click_log (tenant_id, at, id, link_id, bot, referrer_host, profile, visitor, batch)
  select $1, at, id, link_id, bot, referrer_host, profile, visitor, $9::bigint
  from unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::boolean[], $6::text[], $7::text[], $8::bigint[])
    as arrived (id, link_id, at, bot, referrer_host, profile, visitor)
  on conflict (tenant_id, at, id) do nothing
  returning link_id, at, bot
),
summed as (
  insert into link_click_hours as sums (tenant_id, link_id, hour, clicks, bots)
  select $1, link_id, ${halfHour('at')}, count(*) filter (where not bot), count(*) filter (where bot)
  from recorded
  group by 2, 3
  order by 2, 3
  on conflict (tenant_id, link_id, hour) do update
  set clicks = sums.clicks + excluded.clicks, bots = sums.bots + excluded.bots
),
listed as (
  insert into link_click_batches (tenant_id, id, first_at, last_at, clicks)
  select $1, $9::bigint, min(at), max(at), count(*) from recorded having count(*) > 0
)
select count(*) filter (where not bot) as clicks, count(*) filter (where bot) as bots, count(distinct link_id) as links
from recorded`)

/**
 * The half hour of a time, as SQL. Sums are kept by half hours, so that days, weeks and months can be told in every time
 * zone whose clock differs from UTC by whole half hours, as India's does.
 */
export function halfHour(column: string): string {
  return `date_bin('30 minutes', ${column}, timestamptz '2000-01-01 00:00:00+00')`
}

/** Clicks of one link in one hour or day. */
export interface ClickSum {
  readonly at: Date
  readonly clicks: number
  readonly bots: number
}

/** Sums of a link per hour or day (UTC), from `from`, inclusive, to `to`, exclusive; none for a time without clicks. */
export function clickSums(
  tx: Tx,
  tenantId: string,
  linkId: string,
  range: { readonly unit: 'hour' | 'day'; readonly from: Date; readonly to: Date },
): Promise<ClickSum[]> {
  return tx.many(clickSeries(tenantId, linkId, range.from, range.to, range.unit))
}
const clickSeries = statement<[string, string, Date, Date, string], ClickSum>(`
select date_trunc($5, hour, 'UTC') as at, sum(clicks)::bigint as clicks, sum(bots)::bigint as bots
from link_click_hours
where tenant_id = $1 and link_id = $2 and hour >= $3 and hour < $4
group by 1
order by 1`)

/** Sums of a link since it was made. */
export function clickTotal(tx: Tx, tenantId: string, linkId: string): Promise<{ clicks: number; bots: number }> {
  return tx.one(clickTotals(tenantId, linkId))
}
const clickTotals = statement<[string, string], { clicks: number; bots: number }>(`
select coalesce(sum(clicks), 0)::bigint as clicks, coalesce(sum(bots), 0)::bigint as bots
from link_click_hours
where tenant_id = $1 and link_id = $2`)

/** The clicks of a link. */
interface LinkTotal {
  readonly linkId: string
  readonly clicks: number
  readonly bots: number
}

/** How often each of these links was followed in all; those that never were are missing. */
export function clickTotalsOf(tx: Tx, tenantId: string, linkIds: readonly string[]): Promise<LinkTotal[]> {
  return tx.many(totalsOfLinks(tenantId, linkIds))
}
const totalsOfLinks = statement<[string, readonly string[]], LinkTotal>(`
select link_id, sum(clicks)::bigint as clicks, sum(bots)::bigint as bots
from link_click_hours where tenant_id = $1 and link_id = any ($2::uuid[])
group by link_id`)

/**
 * Deletes single clicks of the time before there were days, the oldest first, up to a number of them; their sums stay.
 * Gives how many there were.
 */
export function deleteClicksBefore(tx: Tx, tenantId: string, before: Date, limit: number): Promise<number> {
  return tx.run(clickDeletion(tenantId, before, limit))
}
const clickDeletion = statement<[string, Date, number], never>(`
with old as (
  select at, id from link_clicks where tenant_id = $1 and at < $2 order by at, id limit $3
)
delete from link_clicks using old
where link_clicks.tenant_id = $1 and link_clicks.at = old.at and link_clicks.id = old.id`)
