import { statement, type Tx } from '@stoa/db'

/** What one grant holds: scopes of OpenID Connect, and of APIs by their address. */
interface GrantedScopes {
  readonly openid: string | null
  readonly resources: Readonly<Record<string, string>>
}

/** An application that somebody has let in, with all grants that it has of theirs: each session has its own. */
export interface AllowedRow {
  readonly id: string
  readonly name: string
  readonly website: string | null
  readonly consent: 'ask' | 'given'
  readonly applicationType: 'web' | 'native'
  readonly backchannelLogoutUri: string | null
  readonly grants: readonly GrantedScopes[]
  readonly allowedAt: Date
  /** When it got its newest refresh token. null: it gets none. */
  readonly lastUsedAt: Date | null
}

/** Which of them. */
export interface AllowedFilter {
  readonly now: Date
  /** One alone. */
  readonly only?: string
  /** Name and id of the last one that was seen; null: from the beginning. */
  readonly after: readonly [name: string, id: string] | null
  readonly limit: number
}

/** The applications that a person has let in in the tenant, by name. */
export function allowedList(
  tx: Tx,
  tenantId: string,
  personId: string,
  { after, limit, now, only }: AllowedFilter,
): Promise<AllowedRow[]> {
  const [name, id] = after ?? [null, null]
  return tx.many(allowedOfPerson(tenantId, personId, now, only ?? null, name, id, limit))
}
// Begins with the few grants of the person: clients and refresh tokens are found by their keys from there.
const allowedOfPerson = statement<
  [string, string, Date, only: string | null, name: string | null, id: string | null, limit: number],
  AllowedRow
>(
  `with theirs as (
     select grant_id, payload, (payload->>'clientId')::uuid as client_id from stoa.oidc_records
      where tenant_id = $1 and model = 'Grant' and account_id = $2 and expires_at > $3)
   select c.id, c.name, c.website, c.consent, c.application_type, c.backchannel_logout_uri,
     jsonb_agg(jsonb_build_object('openid', theirs.payload->'openid'->'scope',
       'resources', coalesce(theirs.payload->'resources', '{}'))) as grants,
     to_timestamp(min((theirs.payload->>'iat')::bigint)) as allowed_at, to_timestamp(max(used.at)) as last_used_at
   from theirs join stoa.oauth_clients c on c.tenant_id = $1 and c.id = theirs.client_id
   left join lateral (
     select max((t.payload->>'iat')::bigint) as at from stoa.oidc_records t
      where t.tenant_id = $1 and t.grant_id = theirs.grant_id and t.model = 'RefreshToken') used on true
   where ($4::uuid is null or c.id = $4) and ($5::text is null or (c.name, c.id) > ($5, $6::uuid))
   group by c.tenant_id, c.id
   order by c.name, c.id limit $7`,
)

/** Removes what an application was given by a person in the tenant. Gives the ids of the grants. In the system role. */
export async function removeGrantsOf(tx: Tx, tenantId: string, personId: string, clientId: string): Promise<string[]> {
  return (await tx.many(grantsOfRemoval(tenantId, personId, clientId))).map(({ grantId }) => grantId)
}
const grantsOfRemoval = statement<[string, string, string], { grantId: string }>(
  `with theirs as (
     select grant_id from stoa.oidc_records
      where tenant_id = $1 and model = 'Grant' and account_id = $2 and payload->>'clientId' = $3),
   gone as (
     delete from stoa.oidc_records r using theirs where r.tenant_id = $1 and r.grant_id = theirs.grant_id
     returning r.model, r.grant_id)
   select grant_id from gone where model = 'Grant'`,
)

/** Takes an application out of a person's sessions in the tenant. Gives what it calls these sessions. In the system role. */
export async function leaveApplication(
  tx: Tx,
  tenantId: string,
  personId: string,
  clientId: string,
): Promise<string[]> {
  const left = await tx.many(sessionsLeaving(tenantId, personId, clientId))
  return left.flatMap(({ sid }) => (sid === null ? [] : [sid]))
}
const sessionsLeaving = statement<[string, string, string], { sid: string | null }>(
  `with used as (
     select id, payload->'authorizations'->$3->>'sid' as sid from stoa.oidc_records
      where tenant_id = $1 and model = 'Session' and session_id in (select id from stoa.sessions where person_id = $2)
        and payload->'authorizations' ? $3 for update)
   update stoa.oidc_records r set payload = r.payload #- array['authorizations', $3] from used
    where r.tenant_id = $1 and r.model = 'Session' and r.id = used.id
   returning used.sid`,
)
