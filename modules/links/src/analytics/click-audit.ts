/*
 * Whether the sums of clicks are the clicks: for `stoa doctor`. Both are written by one statement, and facets by another one
 * with what takes the clicks off the list, so they differ only when somebody has written into the tables by hand, or
 * restored a part of them.
 */
import { type Database, statement, type Tx } from '@stoa/db'
import { type BaseCtx, tenantCtx } from '@stoa/kernel'
import type { Examination } from '@stoa/module'
import { everyTenant } from '../every-tenant.ts'

const WINDOW_MS = 7 * 86_400_000
/** Tenants that are named. */
const NAMED = 5

/** What does not add up in the last seven days, over all tenants. */
export async function examineClicks(db: Database, ctx: BaseCtx): Promise<readonly Examination[]> {
  const from = new Date(ctx.clock.now() - WINDOW_MS)
  const wrong: string[] = []
  let tenants = 0
  for await (const tenant of everyTenant(db, ctx)) {
    tenants++
    const { facets, sums } = await db.read(tenantCtx(ctx, tenant), (tx) => clickDifferences(tx, tenant.id, from))
    if (sums + facets > 0) wrong.push(tenant.slug)
  }
  if (wrong.length === 0)
    return [
      { ok: true, text: `The sums of clicks are the clicks, for ${tenants} ${tenants === 1 ? 'tenant' : 'tenants'}.` },
    ]
  const names = `${wrong.slice(0, NAMED).join(', ')}${wrong.length > NAMED ? ' and others' : ''}`
  const text = `The sums of clicks are not the clicks in the last seven days, for ${names}.`
  const advice = 'Was a part of the database restored, or written by hand? Analytics show the sums.'
  return [{ ok: false, text, advice }]
}

/** How many hours of links have other sums than clicks, and other facets than clicks that were folded. */
interface ClickDifferences {
  readonly sums: number
  readonly facets: number
}

/** What does not add up since a time; hours of which older clicks may be gone are left out. */
export function clickDifferences(tx: Tx, tenantId: string, from: Date): Promise<ClickDifferences> {
  return tx.one(differences(tenantId, from))
}
const differences = statement<[string, Date], ClickDifferences>(`
with bounds as (
  select greatest(
    date_trunc('hour', $2::timestamptz, 'UTC'),
    (select date_trunc('hour', min(at), 'UTC') from (
      (select at from link_click_log where tenant_id = $1 order by at limit 1)
      union all
      (select at from link_clicks where tenant_id = $1 order by at limit 1)
    ) as oldest)
  ) + interval '1 hour' as first
),
logged as materialized (
  select link_id, date_trunc('hour', at, 'UTC') as hour, bot, exists (
    select from link_click_batches b where b.tenant_id = $1 and b.id = batch
  ) as listed
  from link_click_log, bounds
  where tenant_id = $1 and at >= bounds.first
),
rows_by_hour as (
  select link_id, hour, count(*) filter (where not bot) as clicks, count(*) filter (where bot) as bots
  from (
    select link_id, hour, bot from logged
    union all
    select link_id, date_trunc('hour', at, 'UTC'), bot from link_clicks, bounds where tenant_id = $1 and at >= bounds.first
  ) as every
  group by 1, 2
),
sums_by_hour as (
  select link_id, date_trunc('hour', hour, 'UTC') as hour, sum(clicks) as clicks, sum(bots) as bots
  from link_click_hours, bounds
  where tenant_id = $1 and hour >= bounds.first
  group by 1, 2
),
folded_by_hour as (
  select link_id, hour, count(*) filter (where not bot) as clicks, count(*) filter (where bot) as bots
  from logged
  where not listed
  group by 1, 2
),
facets_by_hour as (
  select link_id, date_trunc('hour', slot, 'UTC') as hour, sum(clicks) as clicks, sum(bots) as bots
  from link_click_facets, bounds
  where tenant_id = $1 and dimension = 'all' and slot >= bounds.first
  group by 1, 2
)
select
  (select count(*) from rows_by_hour r full join sums_by_hour s using (link_id, hour)
    where (r.clicks, r.bots) is distinct from (s.clicks, s.bots)) as sums,
  (select count(*) from folded_by_hour r full join facets_by_hour s using (link_id, hour)
    where (r.clicks, r.bots) is distinct from (s.clicks, s.bots)) as facets`)
