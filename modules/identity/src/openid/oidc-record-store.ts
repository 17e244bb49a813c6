import { json, statement, type Tx } from '@stoa/db'

/** A row of `oidc_records`. */
export interface OidcRecordRow {
  readonly id: Buffer
  readonly payload: Readonly<Record<string, unknown>>
  readonly sealed: Buffer | null
  readonly consumedAt: Date | null
}

/** What is written of a record. */
export interface OidcRecord {
  readonly tenantId: string
  readonly model: string
  readonly id: Buffer
  readonly payload: object
  readonly sealed: Buffer | null
  readonly grantId: string | null
  readonly sessionId: string | null
  readonly accountId: string | null
  readonly userCode: Buffer | null
  readonly expiresAt: Date
}

const COLUMNS = 'id, payload, sealed, consumed_at'

type Written = [
  tenantId: string,
  model: string,
  id: Buffer,
  payload: unknown,
  sealed: Buffer | null,
  grantId: string | null,
  sessionId: string | null,
  accountId: string | null,
  userCode: Buffer | null,
  expiresAt: Date,
]

const INSERT = `insert into stoa.oidc_records (tenant_id, model, id, payload, sealed, grant_id, session_id, account_id, user_code, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (tenant_id, model, id)`

const recordSaving = statement<Written, never>(`${INSERT} do update
set payload = excluded.payload, sealed = excluded.sealed, grant_id = excluded.grant_id, session_id = excluded.session_id,
  account_id = excluded.account_id, user_code = excluded.user_code, expires_at = excluded.expires_at`)

// Two applications may be let in by one browser at the same time: neither forgets what the other one has added.
const sessionSaving = statement<Written, never>(`${INSERT} do update
set payload = case
    when oidc_records.payload ? 'authorizations' and oidc_records.payload->>'accountId' = excluded.payload->>'accountId'
    then jsonb_set(excluded.payload, '{authorizations}',
      (oidc_records.payload->'authorizations') || coalesce(excluded.payload->'authorizations', '{}'))
    else excluded.payload end,
  sealed = excluded.sealed, session_id = excluded.session_id, account_id = excluded.account_id, expires_at = excluded.expires_at`)

const recordAdding = statement<Written, never>(`${INSERT} do nothing`)

function written(record: OidcRecord): Written {
  const { accountId, expiresAt, grantId, id, model, payload, sealed, sessionId, tenantId, userCode } = record
  return [tenantId, model, id, json(payload), sealed, grantId, sessionId, accountId, userCode, expiresAt]
}

/** Adds a record, or writes it anew. */
export function saveRecord(tx: Tx, record: OidcRecord): Promise<number> {
  const saving = record.model === 'Session' ? sessionSaving : recordSaving
  return tx.run(saving(...written(record)))
}

/** Adds a record; false when there is one. */
export async function addRecord(tx: Tx, record: OidcRecord): Promise<boolean> {
  return (await tx.run(recordAdding(...written(record)))) === 1
}

/** Adds a record in the place of one that is used up by it; false when that was used already, or is gone. */
export async function replaceRecord(tx: Tx, record: OidcRecord, used: Buffer, at: Date): Promise<boolean> {
  return (await tx.run(recordReplacement(...written(record), used, at))) === 1
}
const recordReplacement = statement<[...Written, used: Buffer, at: Date], never>(
  `with used as (
     update stoa.oidc_records set consumed_at = $12::timestamptz
      where tenant_id = $1::uuid and model = $2::text and id = $11::bytea and consumed_at is null returning 1)
   insert into stoa.oidc_records (tenant_id, model, id, payload, sealed, grant_id, session_id, account_id, user_code, expires_at)
   select $1::uuid, $2::text, $3::bytea, $4::jsonb, $5::bytea, $6::text, $7::uuid, $8::uuid, $9::bytea, $10::timestamptz from used`,
)

/** A record, or undefined. */
export function recordById(tx: Tx, tenantId: string, model: string, id: Buffer): Promise<OidcRecordRow | undefined> {
  return tx.maybe(recordOfId(tenantId, model, id))
}
const recordOfId = statement<[string, string, Buffer], OidcRecordRow>(
  `select ${COLUMNS} from stoa.oidc_records where tenant_id = $1 and model = $2 and id = $3`,
)

/** The provider's session of one of ours, with when that was used last; undefined when ours is over. In the system role. */
export function recordOfLiveSession(
  tx: Tx,
  ...[tenantId, id, sessionId, now]: [string, Buffer, string, Date]
): Promise<(OidcRecordRow & { readonly seenAt: Date }) | undefined> {
  return tx.maybe(liveSessionRecord(tenantId, id, sessionId, now))
}
const liveSessionRecord = statement<[string, Buffer, string, Date], OidcRecordRow & { readonly seenAt: Date }>(
  `with alive as (
     select seen_at from stoa.sessions
      where id = $3 and ends_at > $4 and seen_at + make_interval(secs => idle_seconds) > $4)
   select ${COLUMNS}, seen_at from stoa.oidc_records, alive where tenant_id = $1 and model = 'Session' and id = $2`,
)

/** The device code that a person was shown this code for, or undefined. */
export function recordByUserCode(tx: Tx, tenantId: string, userCode: Buffer): Promise<OidcRecordRow | undefined> {
  return tx.maybe(recordOfUserCode(tenantId, userCode))
}
const recordOfUserCode = statement<[string, Buffer], OidcRecordRow>(
  `select ${COLUMNS} from stoa.oidc_records where tenant_id = $1 and user_code = $2 and model = 'DeviceCode'`,
)

/** Marks a record as used; false when it was already, or is gone. */
export async function consumeRecord(tx: Tx, tenantId: string, model: string, id: Buffer, at: Date): Promise<boolean> {
  return (await tx.run(recordConsumption(tenantId, model, id, at))) === 1
}
const recordConsumption = statement<[string, string, Buffer, Date], never>(
  `update stoa.oidc_records set consumed_at = $4
    where tenant_id = $1 and model = $2 and id = $3 and consumed_at is null`,
)

/** Removes a record. */
export function removeRecord(tx: Tx, tenantId: string, model: string, id: Buffer): Promise<number> {
  return tx.run(recordRemoval(tenantId, model, id))
}
const recordRemoval = statement<[string, string, Buffer], never>(
  'delete from stoa.oidc_records where tenant_id = $1 and model = $2 and id = $3',
)

/** Removes what was given out for a grant, of one kind. */
export function removeRecordsOfGrant(tx: Tx, tenantId: string, model: string, grantId: string): Promise<number> {
  return tx.run(grantRemoval(tenantId, model, grantId))
}
const grantRemoval = statement<[string, string, string], never>(
  'delete from stoa.oidc_records where tenant_id = $1 and grant_id = $3 and model = $2',
)

/** Removes the grant of a record, and all that was given out for it. Gives its id; undefined when there was none. */
export async function removeFamily(tx: Tx, tenantId: string, model: string, id: Buffer): Promise<string | undefined> {
  return (await tx.many(familyRemoval(tenantId, model, id)))[0]?.grantId
}
const familyRemoval = statement<[string, string, Buffer], { grantId: string }>(
  `delete from stoa.oidc_records where tenant_id = $1
     and grant_id = (select grant_id from stoa.oidc_records where tenant_id = $1 and model = $2 and id = $3)
   returning grant_id`,
)

/** What was given out for a person who is away, and is there no more. */
export interface OfflineGrant {
  readonly tenantId: string
  readonly slug: string
  readonly schema: string
  readonly grantId: string
  readonly clientId: string
}

/** Removes what applications were given for when a person is away, in every tenant. Run it as the system role. */
export function removeOfflineGrants(tx: Tx, personId: string): Promise<OfflineGrant[]> {
  return tx.many(offlineRemoval(personId))
}
// What ends with a session names it; a grant of which something does not was given for when nobody is there.
const offlineRemoval = statement<[string], OfflineGrant>(
  `with offline as (
     select tenant_id, grant_id from stoa.oidc_records g where model = 'Grant' and account_id = $1
       and exists (select from stoa.oidc_records t where t.tenant_id = g.tenant_id and t.grant_id = g.grant_id
         and t.model in ('RefreshToken', 'AccessToken') and t.session_id is null)),
   gone as (
     delete from stoa.oidc_records r using offline
     where r.tenant_id = offline.tenant_id and r.grant_id = offline.grant_id
     returning r.tenant_id, r.model, r.grant_id, r.payload)
   select tenant_id, t.slug, t.schema, grant_id, payload->>'clientId' as client_id
   from gone join stoa.tenants t on t.id = tenant_id where model = 'Grant'`,
)

interface Authorization {
  readonly sid?: string
  readonly grantId?: string
  /** It was given access for when the person is away. */
  readonly persistsLogout?: boolean
}

/** What a session had been used for, of one tenant. */
export interface SessionUse {
  readonly tenantId: string
  readonly slug: string
  readonly schema: string
  readonly payload: {
    readonly accountId?: string
    readonly authorizations?: Readonly<Record<string, Authorization>>
  }
}

/** Removes all that was given out for sessions, in every tenant, and gives what the sessions had been used for. */
export async function removeRecordsOfSessions(tx: Tx, sessionIds: readonly string[]): Promise<SessionUse[]> {
  const removed = await tx.many(sessionRemoval(sessionIds))
  const grants = removed.flatMap(({ payload, tenantId }) =>
    Object.values(payload.authorizations ?? {}).flatMap(({ grantId, persistsLogout }) =>
      grantId && !persistsLogout ? [{ tenantId, grantId }] : [],
    ),
  )
  if (grants.length > 0) {
    await tx.run(
      grantsRemoval(
        grants.map(({ tenantId }) => tenantId),
        grants.map(({ grantId }) => grantId),
      ),
    )
  }
  return removed
}
const sessionRemoval = statement<[readonly string[]], SessionUse>(
  `with gone as (delete from stoa.oidc_records where session_id = any($1::uuid[]) returning tenant_id, model, payload)
   select tenant_id, t.slug, t.schema, payload from gone join stoa.tenants t on t.id = tenant_id where model = 'Session'`,
)
const grantsRemoval = statement<[readonly string[], readonly string[]], never>(
  `delete from stoa.oidc_records r using unnest($1::uuid[], $2::text[]) as g (tenant_id, grant_id)
    where r.tenant_id = g.tenant_id and r.grant_id = g.grant_id`,
)

/** Removes all that a person was given in a tenant, and gives what their sessions had been used for. */
export async function removeRecordsOfMember(
  tx: Tx,
  tenantId: string,
  personId: string,
): Promise<SessionUse['payload'][]> {
  const removed = await tx.many(memberRemoval(tenantId, personId))
  const grants = removed.flatMap(({ grantId, model }) => (model === 'Grant' && grantId !== null ? [grantId] : []))
  if (grants.length > 0) await tx.run(grantsRemoval(Array(grants.length).fill(tenantId), grants))
  return removed.flatMap(({ model, payload }) => (model === 'Session' ? [payload] : []))
}
const memberRemoval = statement<
  [string, string],
  { model: string; grantId: string | null; payload: SessionUse['payload'] }
>(
  `delete from stoa.oidc_records where tenant_id = $1 and ((model = 'Grant' and account_id = $2::uuid)
     or (model = 'Session' and payload->>'accountId' = $2::uuid::text)) returning model, grant_id, payload`,
)

/** Removes what is over, up to a number. Gives how many. Run it as the system role. */
export function removeEndedRecords(tx: Tx, before: Date, limit: number): Promise<number> {
  return tx.run(endedRemoval(before, limit))
}
const endedRemoval = statement<[Date, number], never>(
  `delete from stoa.oidc_records where ctid = any(array(
     select ctid from stoa.oidc_records where expires_at < $1 limit $2 for update skip locked))`,
)
