/**
 * The isolation of tenants, tried on every table of the catalogue: no list of tables to forget one on.
 *
 * For each tenant table in `stoa` and in the victim's schema there is a row of the victim and one of the intruder, from
 * seeding or made up from the catalogue. Then the intruder, in ordinary transactions of its own, counts, changes,
 * deletes, forges and gives away. Nothing may come of it, while its own row is there to be seen: so a table that shows
 * nothing to anybody does not pass for an isolated one.
 *
 * Where the victim has a schema of its own, the intruder is put into that schema: what if the search path were wrong?
 */
import { type Database, identifier, statement } from '@stoa/db'
import { newId, type Tenant } from '@stoa/kernel'
import { insertMadeUp, type TableShape, tenantTables } from './made-up-rows.ts'
import { tableRows } from './tenant-rows.ts'
import { testCtx } from './test-tenants.ts'

/** What was tried. */
export interface IsolationReport {
  /** The tables, with their schema. */
  readonly checked: readonly string[]
  /** What the intruder could do; empty when tenants are isolated. */
  readonly problems: readonly string[]
}

/**
 * Tries to reach the rows of `victim` as another tenant, in every tenant table of `stoa` and of the victim's schema.
 *
 * Made-up rows ignore foreign keys, and a CHECK that they break is dropped: use a database that nothing else uses
 * afterwards.
 */
export async function tryIsolation(db: Database, victim: Tenant): Promise<IsolationReport> {
  const intruder: Tenant = { id: newId(), slug: 'intruder', schema: victim.schema }
  const tables = await db.admin((session) => tenantTables(session, ['stoa', victim.schema]))
  const problems: string[] = []
  for (const table of tables) {
    await db.admin(async (session) => {
      for (const tenant of [victim, intruder]) {
        if ((await tableRows(session, table, tenant)).length === 0) await insertMadeUp(session, table, tenant.id)
      }
    })
    const before = await db.admin((session) => tableRows(session, table, victim))
    for (const problem of await intrude(db, table, intruder, victim)) problems.push(`${table.name}: ${problem}`)
    const after = await db.admin((session) => tableRows(session, table, victim))
    if (JSON.stringify(before) !== JSON.stringify(after))
      problems.push(`${table.name}: rows of the other tenant changed`)
  }
  return { checked: tables.map((table) => table.name), problems }
}

async function intrude(db: Database, table: TableShape, intruder: Tenant, victim: Tenant): Promise<string[]> {
  const ctx = testCtx({ tenant: intruder })
  const name = table.relation.map(identifier).join('.')
  const problems: string[] = []
  const theirs = `where tenant_id = '${victim.id}'`

  /** Affected rows; null when it was refused for want of rights, by row level security or grants. */
  const attempt = async (sql: string): Promise<number | null> => {
    try {
      return await db.transaction(ctx, (tx) => tx.run(statement<[], never>(sql)()))
    } catch (error) {
      if (refused(error)) return null
      throw error
    }
  }
  const reads = await attempt(`select from ${name}`)
  if (reads !== null) {
    if ((await attempt(`select from ${name} ${theirs}`)) !== 0) problems.push('its rows can be read')
    const own = await attempt(`select from ${name} where tenant_id = '${intruder.id}'`)
    if (own === 0) problems.push('not even the own row can be read, so nothing is proven')
    if (reads !== own) problems.push('more than the own rows can be read')
  }
  const column = identifier(table.columns[0]?.name ?? 'tenant_id')
  for (const [what, sql] of [
    ['changed', `update ${name} set ${column} = ${column} ${theirs}`],
    ['deleted', `delete from ${name} ${theirs}`],
    ['given away', `update ${name} set tenant_id = '${victim.id}'`],
    ['forged', table.insert(victim.id)],
  ] as const) {
    if ((await attempt(sql)) ?? 0) problems.push(`rows can be ${what}`)
  }
  return problems
}

/** 42501 insufficient_privilege: what PostgreSQL answers for a missing grant and for a row that breaks a policy. */
function refused(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'sqlState') === '42501'
}
