import { statement, type Tx } from '@stoa/db'

/**
 * Lets as many of some visits of a link pass as its maximum leaves, and counts them. The maximum is read here, so it is
 * the one that holds now. Others who count visits of this link wait until the transaction ends.
 *
 * @returns how many may pass; all of them when the link has no maximum any more
 */
export async function takeVisits(tx: Tx, tenantId: string, linkId: string, wanted: number): Promise<number> {
  tx.later(visitRow(tenantId, linkId))
  const taken = await tx.one(visitsTaken(tenantId, linkId, wanted))
  return taken.granted
}
const visitRow = statement<[string, string], never>(
  'insert into link_visits (tenant_id, link_id, visits) values ($1, $2, 0) on conflict (tenant_id, link_id) do nothing',
)
/**
 * The lock comes first: what is read after it was written by whoever held it before, and `before` is computed once,
 * because a query that locks is never folded into another.
 */
const visitsTaken = statement<[string, string, number], { granted: number }>(`
with before as (
  select visits from link_visits where tenant_id = $1 and link_id = $2 for no key update
),
allowed as (
  select before.visits, least($3::integer, greatest(links.max_visits - before.visits, 0)) as granted
  from before, links
  where links.tenant_id = $1 and links.id = $2
)
update link_visits set visits = allowed.visits + allowed.granted
from allowed
where link_visits.tenant_id = $1 and link_visits.link_id = $2
returning allowed.granted`)
