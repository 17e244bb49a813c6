import { statement, type Tx } from '@stoa/db'
import type { Reason } from './takedown.ts'

/** What has become of a report. */
type ReportState = 'open' | 'upheld' | 'dismissed'

/** A row of `link_reports`. */
export interface ReportRow {
  readonly id: string
  readonly linkId: string
  readonly reason: Reason
  readonly details: string | null
  readonly contact: string | null
  readonly state: ReportState
  readonly createdAt: Date
  readonly settledAt: Date | null
  readonly settledBy: string | null
}

const columns = 'id, link_id, reason, details, contact, state, created_at, settled_at, settled_by'

/** Adds a report, unless its link has so many open ones that nobody would read it. @returns whether it was added */
export async function addReport(tx: Tx, tenantId: string, row: ReportRow, most: number): Promise<boolean> {
  const { contact, createdAt, details, id, linkId, reason } = row
  return (await tx.run(reportAddition(tenantId, id, linkId, reason, details, contact, createdAt, most))) === 1
}
const reportAddition = statement<[string, string, string, string, string | null, string | null, Date, number], never>(`
insert into link_reports (tenant_id, id, link_id, reason, details, contact, state, created_at)
select $1::uuid, $2::uuid, $3::uuid, $4, $5, $6, 'open', $7::timestamptz
where (select count(*) from link_reports where tenant_id = $1::uuid and link_id = $3::uuid and state = 'open') < $8::integer`)

/** Which reports to list, the newest first. */
export interface ReportFilter {
  readonly linkId?: string
  readonly state?: ReportState
  readonly after?: { readonly at: string; readonly id: string }
  readonly limit: number
}

/** A page of reports. */
export function reportRows(
  tx: Tx,
  tenantId: string,
  { after, limit, linkId, state }: ReportFilter,
): Promise<ReportRow[]> {
  return tx.many(reportPage(tenantId, linkId ?? null, state ?? null, after?.at ?? null, after?.id ?? null, limit))
}
const reportPage = statement<[string, string | null, string | null, string | null, string | null, number], ReportRow>(`
select ${columns} from link_reports
where tenant_id = $1 and ($2::uuid is null or link_id = $2::uuid) and ($3::text is null or state = $3::text)
  and ($4::timestamptz is null or (created_at, id) < ($4::timestamptz, $5::uuid))
order by created_at desc, id desc limit $6`)

/** Settles an open report. @returns the report as it is then; undefined when there is none */
export function dismissReport(
  tx: Tx,
  tenantId: string,
  id: string,
  at: Date,
  by: string,
): Promise<ReportRow | undefined> {
  return tx.maybe(reportDismissal(tenantId, id, at, by))
}
const reportDismissal = statement<[string, string, Date, string], ReportRow>(`
update link_reports set
  state = case when state = 'open' then 'dismissed' else state end,
  settled_at = coalesce(settled_at, $3::timestamptz),
  settled_by = coalesce(settled_by, $4::text)
where tenant_id = $1 and id = $2
returning ${columns}`)

/** Settles the open reports of a link that is taken down, along with the commit. */
export function upholdReports(tx: Tx, tenantId: string, linkId: string, at: Date, by: string): void {
  tx.later(reportsUpheld(tenantId, linkId, at, by))
}
const reportsUpheld = statement<[string, string, Date, string], never>(`
update link_reports set state = 'upheld', settled_at = $3::timestamptz, settled_by = $4::text
where tenant_id = $1 and link_id = $2 and state = 'open'`)
