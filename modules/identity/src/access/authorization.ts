/*
 * What somebody may do, and why: for the caller, and for others. It says the same as the guard, because it is made of
 * the same sources by the same functions.
 */
import type { Database } from '@stoa/db'
import { type Ctx, hasPermission, type Resource, requirePermission } from '@stoa/kernel'
import { type Access, accessOf, type RoleSource, rolesWith, sourcesAllowing } from './access.ts'
import { holdingsOf, type Subject } from './access-store.ts'
import type { Roles } from './roles.ts'

/** What the verbs stand on. */
export interface AuthorizationDeps {
  readonly db: Database
  readonly roles: Pick<Roles, 'byName'>
}

/** What is asked. */
export interface Question {
  readonly permission: string
  readonly resource?: Resource | undefined
  /** Default: the caller. */
  readonly subject?: Subject | undefined
}

/** What allows something. */
interface Reason extends Omit<RoleSource, 'via' | 'role'> {
  readonly via: RoleSource['via'] | 'scope'
  readonly role: string | null
}

/** The answer. */
export interface Decision {
  readonly allowed: boolean
  readonly permission: string
  readonly resource: Resource | null
  readonly reasons: Reason[]
  readonly missing: ('member' | 'role' | 'scope')[]
  readonly rolesThatAllow: string[]
}

const BY_SCOPE: Reason = { via: 'scope', role: null, id: null, teamId: null, resource: null }

/** Explains decisions. */
export class Authorization {
  readonly #deps: AuthorizationDeps

  constructor(deps: AuthorizationDeps) {
    this.#deps = deps
  }

  /** Whether somebody may do something, and why or why not. For others it needs `identity:read`. */
  async decide(ctx: Ctx, { permission, resource, subject }: Question): Promise<Decision> {
    requirePermission(ctx, 'identity:self')
    const self = subjectOf(ctx)
    const isSelf = subject === undefined || (self?.type === subject.type && self.id === subject.id)
    if (!isSelf) requirePermission(ctx, 'identity:read')
    const who = subject ?? self
    const { db, roles } = this.#deps
    return db.read(ctx, async (tx) => {
      const now = new Date(ctx.clock.now())
      const [all, holdings] = await Promise.all([roles.byName(ctx, tx), who && holdingsOf(tx, ctx.tenant.id, who, now)])
      const access = holdings && accessOf(holdings.sources, all)
      const reasons = access ? sourcesAllowing(access, all, permission, resource ?? null) : []
      const holds = isSelf ? hasPermission(ctx, permission, resource) : reasons.length > 0
      return {
        allowed: holds,
        permission,
        resource: resource ?? null,
        reasons: who === null && holds ? [BY_SCOPE] : reasons,
        missing: holds ? [] : missing(who, access, reasons),
        rolesThatAllow: rolesWith(all, permission),
      }
    })
  }

  /** The roles that the caller has in the whole tenant; none for a key that belongs to nobody. */
  async rolesOf(ctx: Ctx): Promise<string[]> {
    const self = subjectOf(ctx)
    if (self === null) return []
    const holdings = await this.#deps.db.read(ctx, (tx) =>
      holdingsOf(tx, ctx.tenant.id, self, new Date(ctx.clock.now())),
    )
    const here = holdings?.sources.filter(({ resource }) => resource === null) ?? []
    return [...new Set(here.map(({ role }) => role))]
  }
}

/** Who the caller is, by whose roles they act; null for a key that belongs to nobody. */
function subjectOf({ actor, owner = actor }: Ctx): Subject | null {
  const { id, type } = owner
  return type === 'person' || type === 'serviceAccount' ? { type, id } : null
}

function missing(who: Subject | null, access: Access | null, reasons: readonly Reason[]): Decision['missing'] {
  if (who !== null && access === null) return ['member']
  return [reasons.length > 0 || who === null ? 'scope' : 'role']
}
