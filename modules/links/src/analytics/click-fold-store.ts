import { statement, type Tx } from '@stoa/db'
import { halfHour } from '../clicks/click-store.ts'
import { PROFILE } from './click-details.ts'

/** What clicks are counted by. `all` is every click. */
export const DIMENSIONS = [...PROFILE, 'referrer'] as const

/** What a click counts towards, as rows of dimension and value; empty: unknown. */
export const FACETS = `(values ('all', ''), ('referrer', coalesce(referrer_host, '')), ${PROFILE.map(
  (name, index) => `('${name}', coalesce(split_part(profile, E'\\n', ${index + 1}), ''))`,
).join(', ')}) as facet (dimension, value)`

/**
 * Clicks of the tenant ($1) that are not folded, with what they have of a batch in it. Batches are few and have beginning
 * and end, so the key of the clicks, which leads with the time, finds them.
 */
export function unfolded(batches: string, condition = ''): string {
  return `select c.link_id, c.at, ${halfHour('c.at')} as slot, (c.at at time zone 'UTC')::date as day, c.bot, c.visitor, c.referrer_host, c.profile,
    c.visitor is not null and row_number() over (partition by c.link_id, (c.at at time zone 'UTC')::date, c.visitor order by c.at, c.id) = 1 as first
  from ${batches} as b
  join link_click_log c on c.tenant_id = $1 and c.at between b.first_at and b.last_at and c.batch = b.id ${condition}`
}

/** What was folded. */
export interface Folded {
  readonly batches: number
  readonly clicks: number
}

/**
 * Adds some batches of clicks to the facets and takes them off the list: by one statement, so a click is in either the one
 * or the other. Who folds at the same time takes other batches. A visitor counts once for each link and day: the first
 * fold that sees him writes him down.
 *
 * @param most clicks, at least one batch
 */
export function foldBatches(tx: Tx, tenantId: string, most: number): Promise<Folded> {
  return tx.one(batchFolding(tenantId, most))
}
const batchFolding = statement<[string, number], Folded>(`
with taken as materialized (
  select id, first_at, last_at, clicks
  from link_click_batches
  where tenant_id = $1 and id in (
    select id
    from (
      select id, sum(clicks) over (order by first_at, id) - clicks as before
      from link_click_batches
      where tenant_id = $1
    ) as queue
    where before < $2
  )
  for update skip locked
),
arrived as materialized (${unfolded('taken')}),
newcomers as (
  insert into link_click_visitors (tenant_id, day, link_id, visitor)
  select $1, day, link_id, visitor from arrived where first order by 2, 3, 4
  on conflict do nothing
  returning day, link_id, visitor
),
grouped as (
  select a.link_id, a.slot, a.referrer_host, a.profile, count(*) filter (where not a.bot) as clicks,
    count(*) filter (where a.bot) as bots, count(n.visitor) as visitors
  from arrived a
  left join newcomers n on a.first and n.day = a.day and n.link_id = a.link_id and n.visitor = a.visitor
  group by 1, 2, 3, 4
),
summed as (
  insert into link_click_facets as sums (tenant_id, link_id, dimension, slot, value, clicks, bots, visitors)
  select $1, link_id, dimension, slot, value, sum(clicks), sum(bots), sum(visitors)
  from grouped cross join lateral ${FACETS}
  where value <> '' or dimension = 'all'
  group by 2, 3, 4, 5
  order by 2, 3, 4, 5
  on conflict (tenant_id, link_id, dimension, slot, value) do update
  set clicks = sums.clicks + excluded.clicks, bots = sums.bots + excluded.bots, visitors = sums.visitors + excluded.visitors
),
done as (
  delete from link_click_batches b using taken where b.tenant_id = $1 and b.id = taken.id
)
select count(*) as batches, coalesce(sum(clicks), 0)::bigint as clicks from taken`)

/** Forgets who came before a day. */
export function forgetVisitors(tx: Tx, tenantId: string, before: string): Promise<number> {
  return tx.run(visitorDeletion(tenantId, before))
}
const visitorDeletion = statement<[string, string], never>(
  'delete from link_click_visitors where tenant_id = $1 and day < $2::date',
)
