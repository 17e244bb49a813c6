import { isId, type ResourceGrants, type Tenant } from '@stoa/kernel'
import type { RoleSource } from '../access/access.ts'
import type { AccessToken } from './access-token.ts'

/** What somebody may do in a tenant. The same object while it does not change. */
export interface Rights {
  readonly permissions: ReadonlySet<string>
  readonly grants?: ResourceGrants
  /** By which roles. */
  readonly sources: readonly Pick<RoleSource, 'role' | 'resource'>[]
  /** Tokens that were given out before hold no longer. */
  readonly tokensSinceMs: number
  /** When some of it ends by time. */
  readonly rightsEndAtMs?: number
}

/** What a person may do in a tenant; null: they do not belong to it, or are suspended. */
export type RightsOf = (tenant: Tenant, personId: string) => Rights | null | Promise<Rights | null>

/**
 * What the person of a token may do now; null: the token holds no longer. They are gone or suspended, or were so after it
 * was given out: the end of a suspension brings no token back.
 */
export function rightsBehind(
  { issuedAtMs, sub, tenant }: Pick<AccessToken, 'issuedAtMs' | 'sub' | 'tenant'>,
  rightsOf: RightsOf,
): Rights | null | Promise<Rights | null> {
  if (!isId(sub)) return null
  const bounded = (rights: Rights | null) => (rights !== null && issuedAtMs < rights.tokensSinceMs ? null : rights)
  const rights = rightsOf(tenant, sub)
  return rights instanceof Promise ? rights.then(bounded) : bounded(rights)
}

/** Whether a token is a program's own, and not somebody's. */
export function isOfProgram({ clientId, sub }: Pick<AccessToken, 'clientId' | 'sub'>): boolean {
  return sub === clientId
}

/**
 * Most of what a token says of roles, in characters of names: the guard takes 8 KiB of a token, and many a server no more of
 * a header.
 */
const MAX_ROLES_LENGTH = 2_000

/**
 * The roles that somebody has in the whole tenant, for their token: those of the membership first, then of teams, then of
 * grants, as many as there is room for.
 */
export function rolesInToken(rights: Pick<Rights, 'sources'> | null): string[] {
  const names = new Set(rights?.sources.filter(({ resource }) => resource === null).map(({ role }) => role))
  const fitting: string[] = []
  let length = 0
  for (const name of names) {
    length += name.length
    if (length > MAX_ROLES_LENGTH) break
    fitting.push(name)
  }
  return fitting
}
