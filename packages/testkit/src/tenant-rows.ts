import type { AdminSession, Database } from '@stoa/db'
import type { Tenant } from '@stoa/kernel'
import { type TableShape, tenantTables } from './made-up-rows.ts'

/** Options of {@link tenantRows}. */
export interface TenantRowsOptions {
  /**
   * Columns that are written late and by themselves, `schema.table.column`, with `stoa_pool` for the schema of a room's
   * tables. Default: none.
   */
  readonly without?: readonly string[]
}

/** Table, with its schema → its rows as text, in a fixed order. */
export type TenantRows = Readonly<Record<string, readonly string[]>>

/**
 * Everything that the tables of `stoa` and of the tenant's schema hold of a tenant, to be compared before and after.
 */
export async function tenantRows(
  db: Database,
  tenant: Tenant,
  { without = [] }: TenantRowsOptions = {},
): Promise<TenantRows> {
  const left = without.map((name) => name.replace(/^stoa_pool\./, `${tenant.schema}.`))
  return await db.admin(async (session) => {
    const content: Record<string, readonly string[]> = {}
    for (const table of await tenantTables(session, ['stoa', tenant.schema])) {
      const start = `${table.name}.`
      const columns = left.filter((one) => one.startsWith(start)).map((one) => one.slice(start.length))
      content[table.name] = await tableRows(session, table, tenant, columns)
    }
    return content
  })
}

/** What one table holds of a tenant. */
export async function tableRows(
  session: AdminSession,
  { name }: TableShape,
  tenant: Tenant,
  without: readonly string[] = [],
): Promise<string[]> {
  const rows = await session.query<{ text: string }>(
    `select (to_jsonb(t) - $2::text[])::text as text from ${name} as t where tenant_id = $1 order by 1`,
    [tenant.id, without],
  )
  return rows.map((row) => row.text)
}

/** What is not the same in two contents, one sentence per table. */
export function rowDifferences(before: TenantRows, after: TenantRows): string[] {
  return Object.keys({ ...before, ...after }).flatMap((table) => {
    const [old = [], now = []] = [before[table], after[table]]
    if (JSON.stringify(old) === JSON.stringify(now)) return []
    const gone = old.filter((row) => !now.includes(row))
    const come = now.filter((row) => !old.includes(row))
    const rows = [...gone.map((row) => `- ${row}`), ...come.map((row) => `+ ${row}`)]
    return [`${table}: ${old.length} rows before, ${now.length} after\n${rows.join('\n').slice(0, 1000)}`]
  })
}
