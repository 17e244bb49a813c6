import { createTenant, type TenantRecord } from '@stoa/db'
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

/** Creates the tenants `pooled`, `neighbour` (both in the pool) and `placed` (in `stoa_t_placed`). */
export async function createTestTenants({ db, sets }: Pick<TestDatabase, 'db' | 'sets'>): Promise<TestTenants> {
  const ctx = testCtx()
  const create = (slug: string, placement: 'pool' | 'schema') =>
    createTenant(db, ctx, sets, { slug, name: `Tenant ${slug}`, placement })
  return {
    pooled: await create('pooled', 'pool'),
    neighbour: await create('neighbour', 'pool'),
    placed: await create('placed', 'schema'),
  }
}
