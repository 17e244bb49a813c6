import { statement, type Tx } from '@stoa/db'
import type { LinkRow } from '../link-store.ts'
import type { Takedown } from './takedown.ts'

/** A link that the operator took down. */
export interface TakenDownRow extends Pick<LinkRow, 'id' | 'host' | 'code' | 'target'> {
  readonly takedown: Takedown
}

/** A page of those of a tenant, by id. It looks at all links of the tenant. */
export function operatorTakedowns(tx: Tx, tenantId: string, after: string, limit: number): Promise<TakenDownRow[]> {
  return tx.many(takenDownPage(tenantId, after, limit))
}
const takenDownPage = statement<[string, string, number], TakenDownRow>(`
select id, host, code, target, takedown from links
where tenant_id = $1 and id > $2::uuid and takedown ->> 'by' = 'operator'
order by id limit $3`)

/** An open report, with its link. */
export interface OpenReportRow extends Pick<LinkRow, 'host' | 'code' | 'target'> {
  readonly id: string
  readonly reason: string
  readonly details: string | null
  readonly contact: string | null
  readonly createdAt: Date
}

/** A page of the open reports of a tenant, by id: the oldest first. */
export function openReports(tx: Tx, tenantId: string, after: string, limit: number): Promise<OpenReportRow[]> {
  return tx.many(openReportPage(tenantId, after, limit))
}
const openReportPage = statement<[string, string, number], OpenReportRow>(`
select r.id, r.reason, r.details, r.contact, r.created_at, l.host, l.code, l.target
from link_reports r join links l on l.tenant_id = r.tenant_id and l.id = r.link_id
where r.tenant_id = $1 and r.id > $2::uuid and r.state = 'open'
order by r.id limit $3`)
