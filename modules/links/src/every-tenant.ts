import { type Database, tenantList } from '@stoa/db'
import type { BaseCtx, Tenant } from '@stoa/kernel'

const TENANTS_AT_ONCE = 500

/** Every tenant of the installation, by its name. */
export async function* everyTenant(db: Database, ctx: BaseCtx): AsyncGenerator<Tenant> {
  for (let after = ''; ; ) {
    const tenants = await tenantList(db, ctx, { after, limit: TENANTS_AT_ONCE })
    yield* tenants
    const last = tenants.at(-1)
    if (last === undefined) return
    after = last.slug
  }
}
