/* What somebody may do, as the tables say it. Every statement names the tenant, so it may run in either role. */
import { statement, type Tx } from '@stoa/db'
import type { RoleSource } from './access.ts'
import type { RolePermissions } from './built-in-roles.ts'

/** Of whom it is asked. */
export interface Subject {
  readonly type: 'person' | 'serviceAccount'
  readonly id: string
}

/** What the tables say of somebody in a tenant. */
interface SubjectRow {
  readonly roleNames: readonly string[]
  /** Whether they may do anything at all. */
  readonly isActive: boolean
  /** Tokens that were given out before do not hold. */
  readonly tokensSince: Date
}

/** A grant that somebody has, by themselves or by a team. */
interface HeldGrant {
  readonly id: string
  readonly roleName: string
  readonly teamId: string | null
  readonly resourceKind: string | null
  readonly resourceId: string | null
  readonly expiresAt: Date | null
}

// Tokens say when they were made in whole seconds. That of the suspension is not good any more; and who belongs here since
// just now has tokens of a node whose clock is behind.
const personIn = statement<[tenantId: string, id: string], SubjectRow>(`
select m.role_names, m.status = 'active' and p.suspended_at is null as is_active,
  greatest(m.created_at - interval '60 seconds', date_trunc('second', m.last_suspended_at) + interval '1 second') as tokens_since
from stoa.memberships m join stoa.people p on p.id = m.person_id
where m.tenant_id = $1 and m.person_id = $2`)

const serviceAccountIn = statement<[tenantId: string, id: string], SubjectRow>(`
select role_names, disabled_at is null as is_active, created_at as tokens_since from stoa.service_accounts where tenant_id = $1 and id = $2`)

const teamsOf = statement<[tenantId: string, personId: string], { id: string; roleNames: string[] }>(`
select t.id, t.role_names from stoa.team_members m join stoa.teams t on t.tenant_id = m.tenant_id and t.id = m.team_id
where m.tenant_id = $1 and m.person_id = $2`)

const grantsOf = statement<[tenantId: string, type: string, id: string, now: Date], HeldGrant>(`
select id, role_name, case when subject_type = 'team' then subject_id end as team_id, resource_kind, resource_id, expires_at
from stoa.grants
where tenant_id = $1 and (expires_at is null or expires_at > $4) and (
  (subject_type = $2 and subject_id = $3)
  or (subject_type = 'team' and $2 = 'person' and subject_id in (
    select team_id from stoa.team_members where tenant_id = $1 and person_id = $3)))
order by id`)

const ownRoles = statement<[tenantId: string], { name: string; permissions: string[] }>(
  'select name, permissions from stoa.roles where tenant_id = $1',
)

/** The roles of a tenant's own. */
export async function customRoles(tx: Tx, tenantId: string): Promise<RolePermissions[]> {
  const rows = await tx.many(ownRoles(tenantId))
  return rows.map(({ name, permissions }) => ({ name, permissions: new Set(permissions) }))
}

/** By what somebody has which roles. */
export interface Holdings {
  readonly sources: readonly RoleSource[]
  /** When the first grant ends; null: none does. */
  readonly endsAt: Date | null
  /** Tokens that were given out before do not hold: they are from before a suspension, or another membership. */
  readonly tokensSince: Date
}

/** By what somebody has which roles; null when they are not there, or suspended. */
export async function holdingsOf(tx: Tx, tenantId: string, subject: Subject, now: Date): Promise<Holdings | null> {
  const kept = await keptHoldingsOf(tx, tenantId, subject, now)
  return kept?.isActive ? kept : null
}

/** The same also of somebody who is suspended, and may use none of it until that ends; null when they are not there. */
export async function keptHoldingsOf(
  tx: Tx,
  tenantId: string,
  subject: Subject,
  now: Date,
): Promise<(Holdings & Pick<SubjectRow, 'isActive'>) | null> {
  const isPerson = subject.type === 'person'
  const [row, teams, grants] = await Promise.all([
    tx.maybe((isPerson ? personIn : serviceAccountIn)(tenantId, subject.id)),
    isPerson ? tx.many(teamsOf(tenantId, subject.id)) : [],
    tx.many(grantsOf(tenantId, subject.type, subject.id, now)),
  ])
  if (row === undefined) return null
  const everywhere = { teamId: null, resource: null }
  const ends = grants.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt.getTime()]))
  return {
    sources: [
      ...row.roleNames.map((role) => ({ via: 'membership' as const, role, id: null, ...everywhere })),
      ...teams.flatMap(({ id, roleNames }) =>
        roleNames.map((role) => ({ via: 'team' as const, role, id, ...everywhere })),
      ),
      ...grants.map(sourceOf),
    ],
    endsAt: ends.length === 0 ? null : new Date(Math.min(...ends)),
    tokensSince: row.tokensSince,
    isActive: row.isActive,
  }
}

function sourceOf({ id, resourceId, resourceKind, roleName, teamId }: HeldGrant): RoleSource {
  const resource = resourceKind === null || resourceId === null ? null : { kind: resourceKind, id: resourceId }
  return { via: 'grant', role: roleName, id, teamId, resource }
}
