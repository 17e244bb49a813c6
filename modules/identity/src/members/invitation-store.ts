import { queryBuilder, statement } from '@stoa/db'

/** A row of `invitations`, without the token's hash. */
export interface InvitationRow {
  readonly id: string
  readonly email: string
  readonly roleNames: readonly string[]
  readonly teamIds: readonly string[]
  readonly expiresAt: Date
  readonly acceptedAt: Date | null
  readonly acceptedBy: string | null
  readonly revokedAt: Date | null
  readonly createdBy: string
  readonly createdAt: Date
}

const columns =
  'id, email, role_names, team_ids, expires_at, accepted_at, accepted_by, revoked_at, created_by, created_at'

export const invitationInserted = statement<
  [
    tenantId: string,
    id: string,
    email: string,
    roleNames: readonly string[],
    teamIds: readonly string[],
    tokenHash: Buffer,
    expiresAt: Date,
    by: string,
    at: Date,
  ],
  InvitationRow
>(`
insert into invitations (tenant_id, id, email, role_names, team_ids, token_hash, expires_at, created_by, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${columns}`)

export const invitationById = statement<[tenantId: string, id: string], InvitationRow>(
  `select ${columns} from invitations where tenant_id = $1 and id = $2`,
)

/** Takes back what waits for this address. */
export const invitationsOfEmailRevoked = statement<[tenantId: string, email: string, now: Date], { id: string }>(`
update invitations set revoked_at = $3
where tenant_id = $1 and email = $2 and accepted_at is null and revoked_at is null returning id`)

/** Takes back what somebody has asked for who is gone. */
export const invitationsOfInviterRevoked = statement<[tenantId: string, by: string, now: Date], { id: string }>(`
update invitations set revoked_at = $3
where tenant_id = $1 and created_by = $2 and accepted_at is null and revoked_at is null returning id`)

export const invitationRevokedNow = statement<[tenantId: string, id: string, now: Date], { id: string }>(`
update invitations set revoked_at = $3
where tenant_id = $1 and id = $2 and accepted_at is null and revoked_at is null returning id`)

/** An invitation with its tenant: asked across tenants, in the system role. */
export interface FoundInvitation extends InvitationRow {
  readonly tenantId: string
  readonly tenantSlug: string
  readonly tenantSchema: string
  readonly tenantName: string
}

const found = `select i.tenant_id, t.slug as tenant_slug, t.schema as tenant_schema, t.name as tenant_name,
  ${columns
    .split(', ')
    .map((column) => `i.${column}`)
    .join(', ')}
from stoa.invitations i join stoa.tenants t on t.id = i.tenant_id
where i.token_hash = $1`

/** Whose link this is. */
export const invitationByToken = statement<[tokenHash: Buffer], FoundInvitation>(found)

/** The same, locked: of two who use it at once, one does. */
export const invitationByTokenForUpdate = statement<[tokenHash: Buffer], FoundInvitation>(`${found} for update of i`)

export const invitationTaken = statement<[tenantId: string, id: string, personId: string, now: Date], never>(
  'update stoa.invitations set accepted_at = $4, accepted_by = $3 where tenant_id = $1 and id = $2',
)

/** What the tenant of the transaction is called. */
export const ownTenantName = statement<[tenantId: string], { name: string }>('select name from tenants where id = $1')

/** Who invites, as their organisation calls them, and the language that they read. */
export const inviterNamed = statement<[tenantId: string, personId: string], { name: string; locale: string }>(`
select coalesce(m.display_name, p.name) as name, p.locale
from stoa.memberships m join stoa.people p on p.id = m.person_id where m.tenant_id = $1 and m.person_id = $2`)

/** Somebody who wants to join. */
export const joiningPerson = statement<[id: string], { email: string; emailVerifiedAt: Date | null }>(
  'select email, email_verified_at from stoa.people where id = $1',
)

interface Tables {
  invitations: InvitationRow & { tenantId: string }
}
const builder = queryBuilder<Tables>()

/** Where an invitation stands. */
export type InvitationState = 'pending' | 'accepted' | 'revoked' | 'expired'

/** Invitations, the newest first. @param before invitations older than this one */
export function invitationPage(
  tenantId: string,
  state: InvitationState | undefined,
  { before, limit, now }: { readonly before: string | null; readonly limit: number; readonly now: Date },
) {
  let query = builder
    .selectFrom('invitations')
    .select(['id', 'email', 'roleNames', 'teamIds', 'expiresAt', 'acceptedAt', 'acceptedBy', 'revokedAt'])
    .select(['createdBy', 'createdAt'])
    .where('tenantId', '=', tenantId)
  if (before !== null) query = query.where('id', '<', before)
  if (state === 'accepted') query = query.where('acceptedAt', 'is not', null)
  else if (state !== undefined) query = query.where('acceptedAt', 'is', null)
  if (state === 'revoked') query = query.where('revokedAt', 'is not', null)
  if (state === 'pending') query = query.where('revokedAt', 'is', null).where('expiresAt', '>', now)
  if (state === 'expired') query = query.where('revokedAt', 'is', null).where('expiresAt', '<=', now)
  return query.orderBy('id', 'desc').limit(limit)
}
