/*
 * A stranger's first start ends with something to try: a tenant, its owner, a key. It is done when there is no tenant
 * yet. A start that was killed between tenant and key has shown the key to nobody; so a demo tenant that never had a
 * key gets one at the next start.
 *
 * Users come with the identity room. Until then the owner is who holds the key 'owner', which may do everything.
 */
import { createTenant, tenantErrors, tenantList } from '@stoa/db'
import { type BaseCtx, isError, type Tenant, tenantCtx } from '@stoa/kernel'
import type { Stoa } from './compose.ts'
import { firstKeys } from './key-page.ts'
import { migrationSets } from './manifest.ts'

const DEMO = { slug: 'demo', name: 'Demo', placement: 'pool' } as const

/** The demo tenant's first key; shown once. */
export interface FirstBoot {
  readonly tenant: Tenant
  readonly key: string
}

/** Makes the demo tenant and its owner's key on an empty installation; null when there is nothing to do. */
export async function firstBoot(
  { apiKeys, db }: Pick<Stoa, 'apiKeys' | 'db'>,
  ctx: BaseCtx,
): Promise<FirstBoot | null> {
  const tenant = await demoTenant(db, ctx)
  if (tenant === null) return null
  const own = tenantCtx(ctx, tenant)
  const { data } = await apiKeys.list(own, {}, firstKeys(1))
  if (data.length > 0) return null
  const { token } = await apiKeys.create(own, { name: 'owner', scopes: ['*'], expiresAt: null })
  return { tenant, key: token }
}

async function demoTenant(db: Stoa['db'], ctx: BaseCtx): Promise<Tenant | null> {
  const [first, second] = await tenantList(db, ctx, { limit: 2 })
  if (first) return first.slug === DEMO.slug && !second ? first : null
  try {
    return await createTenant(db, ctx, migrationSets, DEMO)
  } catch (error) {
    if (!isError(error, tenantErrors.tenant_slug_taken)) throw error
    // Another process was first, and prints the key.
    return null
  }
}
