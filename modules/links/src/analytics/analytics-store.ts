import { type PreparedQuery, statement, type Tx } from '@stoa/db'
import { type DIMENSIONS, FACETS, unfolded } from './click-fold-store.ts'

/** What clicks are counted by. */
export type Dimension = (typeof DIMENSIONS)[number] | 'link'

/** Widths of the points of a series. */
export type Interval = 'hour' | 'day' | 'week' | 'month'

/** Which clicks are meant: those of a tenant, or of one link, from a time, inclusive, to another, exclusive. */
export interface ClickScope {
  readonly tenantId: string
  readonly linkId: string | null
  readonly from: Date
  readonly to: Date
}

/** How often, by whom. */
export interface ClickCount {
  readonly clicks: number
  readonly bots: number
  readonly visitors: number
}

/** A point of a series. */
export interface ClickPoint extends ClickCount {
  readonly at: Date
}

/** What has one value in common; null: all values beyond those that were asked for. */
export interface ValueCount extends ClickCount {
  readonly dimension: Dimension
  readonly value: string | null
}

/**
 * The beginnings of the points of a series, and its end, in a time zone: the point in which `from` lies comes first, the
 * one in which the last moment before `to` lies is the last one. Days, weeks (from Monday) and months are those of the
 * calendar there, whatever the clocks do; hours are hours.
 */
export async function seriesPoints(
  tx: Tx,
  range: { readonly from: Date; readonly to: Date; readonly interval: Interval; readonly timeZone: string },
): Promise<Date[]> {
  const { from, interval, timeZone, to } = range
  const points = interval === 'hour' ? hourPoints(from, to, timeZone) : calendarPoints(from, to, timeZone, interval)
  return (await tx.many(points)).map(({ at }) => at)
}
const hourPoints = statement<[Date, Date, string], { at: Date }>(`
select generate_series(
  date_trunc('hour', $1::timestamptz, $3::text),
  date_trunc('hour', $2::timestamptz - interval '1 microsecond', $3::text) + interval '1 hour',
  interval '1 hour'
) as at`)
const calendarPoints = statement<[Date, Date, string, string], { at: Date }>(`
select local at time zone $3::text as at
from generate_series(
  date_trunc($4::text, $1::timestamptz at time zone $3::text),
  date_trunc($4::text, ($2::timestamptz - interval '1 microsecond') at time zone $3::text) + ('1 ' || $4::text)::interval,
  ('1 ' || $4::text)::interval
) as local
order by 1`)

/** The clicks of a scope by points in a time zone; none for a point without clicks. */
export function clickPoints(tx: Tx, scope: ClickScope, interval: Interval, timeZone: string): Promise<ClickPoint[]> {
  return tx.many(inScope(pointQueries, scope, interval, timeZone))
}

/** What clicks of a scope have in common: of each dimension the `top` values, and the rest as one. */
export function clickValues(
  tx: Tx,
  scope: ClickScope,
  dimensions: readonly Dimension[],
  top: number,
): Promise<ValueCount[]> {
  return tx.many(inScope(valueQueries, scope, dimensions, top))
}

/** The links of a tenant that were followed most. */
export function mostFollowed(tx: Tx, scope: ClickScope, top: number): Promise<ValueCount[]> {
  const { from, tenantId, to } = scope
  return tx.many(linkCounts(tenantId, from, to, top))
}

/** One text for a tenant and one for a link: a condition that is sometimes there would have one plan for both. */
interface ScopedQueries<Row> {
  readonly tenant: (...parameters: unknown[]) => PreparedQuery<Row>
  readonly link: (...parameters: unknown[]) => PreparedQuery<Row>
}

function scoped<Row>(sql: (ofLink: string) => string): ScopedQueries<Row> {
  return { tenant: statement<unknown[], Row>(sql('')), link: statement<unknown[], Row>(sql('and link_id = $6')) }
}

function inScope<Row>(queries: ScopedQueries<Row>, scope: ClickScope, fourth: unknown, fifth: unknown) {
  const { from, linkId, tenantId, to } = scope
  const parameters = [tenantId, from, to, fourth, fifth]
  return linkId === null ? queries.tenant(...parameters) : queries.link(...parameters, linkId)
}

/** Not folded clicks of the scope; a visitor of theirs who came on the same day before counts no more. */
const pending = (ofLink: string) => `pending as materialized (
  select arrived.*, first and not exists (
    select from link_click_visitors v
    where v.tenant_id = $1 and v.day = arrived.day and v.link_id = arrived.link_id and v.visitor = arrived.visitor
  ) as is_new
  from (${unfolded('link_click_batches', `and b.tenant_id = $1 ${ofLink.replace('link_id', 'c.link_id')}`)}) as arrived
  where at >= $2 and at < $3
)`

const pointQueries = scoped<ClickPoint>(
  (ofLink) => `
with ${pending(ofLink)},
counts as (
  select hour as slot, clicks, bots, 0::bigint as visitors
  from link_click_hours
  where tenant_id = $1 and hour >= $2 and hour < $3 ${ofLink}
  union all
  select slot, 0, 0, visitors
  from link_click_facets
  where tenant_id = $1 and dimension = 'all' and slot >= $2 and slot < $3 ${ofLink}
  union all
  select slot, 0, 0, count(*) from pending where is_new group by 1
)
select date_trunc($4::text, slot, $5::text) as at, sum(clicks)::bigint as clicks, sum(bots)::bigint as bots, sum(visitors)::bigint as visitors
from counts
group by 1
order by 1`,
)

const valueQueries = scoped<ValueCount>(
  (ofLink) => `
with ${pending(ofLink)},
counts as (
  select dimension, value, clicks, bots, visitors
  from link_click_facets
  where tenant_id = $1 and dimension = any ($4::text[]) and slot >= $2 and slot < $3 ${ofLink}
  union all
  select dimension, value, count(*) filter (where not bot), count(*) filter (where bot), count(*) filter (where is_new)
  from pending cross join lateral ${FACETS}
  where dimension = any ($4::text[]) and value <> ''
  group by 1, 2
),
sums as (
  select dimension, value, sum(clicks) as clicks, sum(bots) as bots, sum(visitors) as visitors,
    row_number() over (partition by dimension order by sum(clicks) desc, sum(bots) desc, value) as place
  from counts
  group by 1, 2
)
select dimension, case when place <= $5 then value end as value, sum(clicks)::bigint as clicks, sum(bots)::bigint as bots, sum(visitors)::bigint as visitors
from sums
group by 1, 2
order by dimension, min(place)`,
)

const linkCounts = statement<[string, Date, Date, number], ValueCount>(`
with sums as (
  select link_id, sum(clicks) as clicks, sum(bots) as bots,
    row_number() over (order by sum(clicks) desc, sum(bots) desc, link_id) as place
  from link_click_hours
  where tenant_id = $1 and hour >= $2 and hour < $3
  group by 1
),
people as (
  select link_id, sum(visitors) as visitors
  from (
    select link_id, visitors
    from link_click_facets
    where tenant_id = $1 and dimension = 'all' and slot >= $2 and slot < $3
    union all
    select link_id, count(*) from (
      select arrived.*, first and not exists (
        select from link_click_visitors v
        where v.tenant_id = $1 and v.day = arrived.day and v.link_id = arrived.link_id and v.visitor = arrived.visitor
      ) as is_new
      from (${unfolded('link_click_batches', 'and b.tenant_id = $1')}) as arrived
      where at >= $2 and at < $3
    ) as pending
    where is_new
    group by 1
  ) as counts
  group by 1
)
select 'link' as dimension, case when place <= $4 then link_id::text end as value, sum(clicks)::bigint as clicks,
  sum(bots)::bigint as bots, coalesce(sum(visitors), 0)::bigint as visitors
from sums
left join people using (link_id)
group by 1, 2
order by min(place)`)
