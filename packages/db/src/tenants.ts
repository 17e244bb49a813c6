/**
 * Tenants and where they live.
 *
 * A *placement* is where the tables of the rooms are that hold a tenant's rows: `pool` is the one schema of all pooled
 * tenants; `schema` is a schema of the tenant's own, with the same tables from the same migrations, row level security
 * included. Everything else follows from `Tenant.schema`: a transaction sets its search path from it. The row in
 * `stoa.placements` is what makes a schema a target of migrations.
 *
 * A tenant with a schema of its own is made in steps, because migrations commit one by one: placement and schema,
 * migrations, and the tenant's row last. So nobody sees a tenant whose tables are not there. Broken off in the middle,
 * the same call goes on where it stopped; until then, migrations keep the unused schema up to date.
 */
import { type BaseCtx, newId, StoaError } from '@stoa/kernel'
import type { Database } from './database.ts'
import { prepareGround } from './ground-migrations.ts'
import { placementMade } from './ground-store.ts'
import { applyMissing, applyOptions, withMigrationLock } from './migrate.ts'
import { type MigrationSet, POOL_SCHEMA, TENANT_SCHEMA_PREFIX } from './migration.ts'
import { plannedMigrations } from './migration-status.ts'
import { checkSlug } from './slug.ts'
import { sqlState } from './sql-state.ts'
import { tenantErrors } from './tenant-errors.ts'
import { insertTenant, selectTenantById, selectTenantBySlug, selectTenants, type TenantRecord } from './tenant-store.ts'

/** Where a tenant's rows live: in the schema of all pooled tenants, or in one of its own. */
export type Placement = 'pool' | 'schema'

/** What a new tenant is. */
export interface NewTenant {
  /** See {@link checkSlug}. */
  readonly slug: string
  /** For people, 1 to 200 characters. */
  readonly name: string
  readonly placement: Placement
}

/** How long to wait for a migration that is running. */
const LOCK_WAIT_MS = 60_000

/**
 * Creates a tenant. With the placement `schema` this needs the right to create schemas and takes the migration lock;
 * all schemas that are behind are brought up to date on the way.
 *
 * @throws StoaError `tenant_slug_invalid`, `tenant_slug_taken`, and what `migrate` throws
 */
export async function createTenant(
  db: Database,
  ctx: BaseCtx,
  sets: readonly MigrationSet[],
  { slug, name, placement }: NewTenant,
): Promise<TenantRecord> {
  checkSlug(slug)
  if (placement === 'pool') return addTenant(db, ctx, slug, name, POOL_SCHEMA)
  if (await tenantBySlug(db, ctx, slug)) throw new StoaError(tenantErrors.tenant_slug_taken)
  const schema = tenantSchema(slug)
  await db.admin((session) =>
    withMigrationLock(session, ctx, LOCK_WAIT_MS, async () => {
      await prepareGround(session)
      await placementMade(session, schema)
      await applyMissing(session, plannedMigrations(sets), applyOptions(ctx))
    }),
  )
  return addTenant(db, ctx, slug, name, schema)
}

/** The tenant with this slug, or undefined. */
export async function tenantBySlug(db: Database, ctx: BaseCtx, slug: string): Promise<TenantRecord | undefined> {
  return db.systemRead(ctx, (tx) => tx.maybe(selectTenantBySlug(slug)))
}

/** The tenant with this id, or undefined. */
export async function tenantById(db: Database, ctx: BaseCtx, id: string): Promise<TenantRecord | undefined> {
  return db.systemRead(ctx, (tx) => tx.maybe(selectTenantById(id)))
}

/** Tenants by slug: the first `limit` (1 to 1,000, default 100) after the slug `after`. */
export async function tenantList(
  db: Database,
  ctx: BaseCtx,
  { after = '', limit = 100 }: { after?: string; limit?: number } = {},
): Promise<TenantRecord[]> {
  return db.systemRead(ctx, (tx) => tx.many(selectTenants(after, Math.min(Math.max(1, limit), 1_000))))
}

/** The name of the schema of a tenant that has one of its own. Slugs have no underscore, so no two share a schema. */
function tenantSchema(slug: string): string {
  return TENANT_SCHEMA_PREFIX + slug.replaceAll('-', '_')
}

async function addTenant(
  db: Database,
  ctx: BaseCtx,
  slug: string,
  name: string,
  schema: string,
): Promise<TenantRecord> {
  try {
    const createdAt = new Date(ctx.clock.now())
    return await db.system(ctx, (tx) => tx.one(insertTenant(newId(ctx.clock), slug, name, schema, createdAt)))
  } catch (cause) {
    if (sqlState(cause) === '23505') throw new StoaError(tenantErrors.tenant_slug_taken, { cause })
    throw cause
  }
}
