import type { Database } from '@stoa/db'
import { statement } from '@stoa/db'
import { type Ctx, isId } from '@stoa/kernel'
import type { Account } from 'oidc-provider'

/** Which claims go with which scope (OpenID Connect Core 1.0, §5.4). */
export const CLAIMS = {
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  profile: ['name', 'locale', 'updated_at'],
  email: ['email', 'email_verified'],
} as const

interface MemberRow {
  readonly id: string
  readonly email: string
  readonly emailVerifiedAt: Date | null
  readonly name: string
  readonly locale: string
  readonly updatedAt: Date
}

// Only who belongs to the tenant, and is suspended neither there nor at all, is known to its provider.
const activeMember = statement<[tenantId: string, personId: string], MemberRow>(
  `select p.id, p.email, p.email_verified_at, p.name, p.locale, p.updated_at
     from stoa.memberships m join stoa.people p on p.id = m.person_id
    where m.tenant_id = $1 and m.person_id = $2 and m.status = 'active' and p.suspended_at is null`,
)

/** A person as the provider knows them. */
export interface MemberAccount extends Account {
  readonly email: string
}

/** The account of a person who belongs to the tenant; undefined for everybody else. */
export async function accountOf(
  ctx: Ctx,
  { db }: { readonly db: Database },
  personId: string,
): Promise<MemberAccount | undefined> {
  if (!isId(personId)) return undefined
  const member = await db.read(ctx, (tx) => tx.maybe(activeMember(ctx.tenant.id, personId)))
  if (member === undefined) return undefined
  return {
    accountId: member.id,
    email: member.email,
    claims: async () => ({
      sub: member.id,
      name: member.name,
      locale: member.locale,
      updated_at: Math.floor(member.updatedAt.getTime() / 1_000),
      email: member.email,
      email_verified: member.emailVerifiedAt !== null,
    }),
  }
}
