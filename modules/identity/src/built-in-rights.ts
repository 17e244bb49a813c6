/*
 * What the built-in roles of a person allow in a tenant. Looked up once a second for each person who calls, so that a
 * change is felt within that time on every node.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, type Tenant, tenantCtx } from '@stoa/kernel'
import { LEAST_ROLES, type LeastRole } from '@stoa/module'
import { LRUCache } from 'lru-cache'
import { accountOf } from './account.ts'

/** What somebody may do. */
interface Rights {
  readonly permissions: ReadonlySet<string>
}

interface Looked {
  readonly rights: Rights | null | Promise<Rights | null>
  readonly untilMs: number
}

const TTL_MS = 1_000
const MAX_PEOPLE = 10_000

/** Says what people may do. @param leastRoles permission → the least built-in role that has it */
export function builtInRights(
  db: Database,
  ctx: BaseCtx,
  leastRoles: Readonly<Record<string, LeastRole>>,
): (tenant: Tenant, personId: string) => Rights | null | Promise<Rights | null> {
  const byRoles = new Map<string, Rights>()
  const looked = new LRUCache<string, Looked>({ max: MAX_PEOPLE })
  const rightsOf = (roles: readonly string[]): Rights => {
    const key = roles.join(' ')
    let rights = byRoles.get(key)
    if (rights === undefined) {
      const rank = Math.max(...roles.map((role) => LEAST_ROLES.indexOf(role as LeastRole)))
      const all = Object.entries(leastRoles).filter(([, least]) => LEAST_ROLES.indexOf(least) <= rank)
      const permissions = new Set(roles.includes('owner') ? ['*'] : all.map(([permission]) => permission))
      rights = { permissions }
      byRoles.set(key, rights)
    }
    return rights
  }
  return (tenant, personId) => {
    const key = `${tenant.id} ${personId}`
    const now = ctx.clock.now()
    const known = looked.get(key)
    if (known !== undefined && known.untilMs > now) return known.rights
    const asking = accountOf(tenantCtx(ctx, tenant), { db }, personId).then((account) => {
      const rights = account === undefined ? null : rightsOf(account.roles)
      looked.set(key, { rights, untilMs: now + TTL_MS })
      return rights
    })
    asking.catch(() => looked.delete(key))
    looked.set(key, { rights: asking, untilMs: now + TTL_MS })
    return asking
  }
}
