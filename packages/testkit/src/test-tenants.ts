import { createTenant, type Database, type TenantRecord, tenantBySlug } from '@stoa/db'
import { type Ctx, newId, silentLogger, systemClock, systemCtx, type Tenant, tenantCtx } from '@stoa/kernel'
import type { TestDatabase } from './test-database.ts'

/**
 * A context with every permission, for a tenant that exists in name only unless one is given.
 *
 * @param over what differs: `tenant`, `actor`, `permissions`, `clock` …
 */
export function testCtx(over: Partial<Ctx> = {}): Ctx {
  const { tenant = { id: newId(), slug: 'nobody', schema: 'stoa_pool' }, ...rest } = over
  const base = systemCtx({ log: rest.log ?? silentLogger, clock: rest.clock ?? systemClock }, 'test')
  return tenantCtx(base, tenant satisfies Tenant, rest)
}

/** Three tenants: two that share the pool, and one with a schema of its own. */
export interface TestTenants {
  readonly pooled: TenantRecord
  readonly neighbour: TenantRecord
  readonly placed: TenantRecord
}

/**
 * Creates the tenants `pooled`, `neighbour` (both in the pool) and `placed` (in `stoa_t_placed`). Where they wait in the
 * database (see `openTestDatabase`) they get ids that no other database has, as new ones would.
 */
export async function createTestTenants({ db, sets }: Pick<TestDatabase, 'db' | 'sets'>): Promise<TestTenants> {
  const ctx = testCtx()
  if (await tenantBySlug(db, ctx, 'placed')) {
    await db.admin(async (session) => {
      for (const slug of ['pooled', 'neighbour', 'placed'])
        await session.query('update stoa.tenants set id = $1, created_at = now() where slug = $2', [newId(), slug])
    })
    return await testTenantsOf(db)
  }
  const create = (slug: string, placement: 'pool' | 'schema') =>
    createTenant(db, ctx, sets, { slug, name: `Tenant ${slug}`, placement })
  return {
    pooled: await create('pooled', 'pool'),
    neighbour: await create('neighbour', 'pool'),
    placed: await create('placed', 'schema'),
  }
}

/** The tenants of {@link createTestTenants}, in a database that has them. */
export async function testTenantsOf(db: Database): Promise<TestTenants> {
  const tenant = async (slug: string) => (await tenantBySlug(db, testCtx(), slug)) as TenantRecord
  return { pooled: await tenant('pooled'), neighbour: await tenant('neighbour'), placed: await tenant('placed') }
}
