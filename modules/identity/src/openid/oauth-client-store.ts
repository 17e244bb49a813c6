import type { JsonWebKey } from 'node:crypto'
import { json, type PreparedQuery, statement, type Tx } from '@stoa/db'

/** How a client proves who it is (RFC 7591, `token_endpoint_auth_method`). */
export type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'

/** A row of `oauth_clients`. */
export interface OAuthClientRow {
  /** The `client_id`. */
  readonly id: string
  readonly name: string
  readonly applicationType: 'web' | 'native'
  readonly authMethod: ClientAuthMethod
  /** SHA-256 of the secret; null for a client without one. */
  readonly secretHash: Buffer | null
  readonly jwks: { readonly keys: readonly JsonWebKey[] } | null
  readonly grantTypes: readonly string[]
  readonly redirectUris: readonly string[]
  readonly postLogoutRedirectUris: readonly string[]
  readonly backchannelLogoutUri: string | null
  /** By https; for people to read. Nothing here fetches it. */
  readonly website: string | null
  /** What it may ask for. */
  readonly scopes: readonly string[]
  /** What it may ask tokens for, beside the API of the installation. */
  readonly resources: readonly string[]
  /** `given`: people are not asked, because it is the organisation's own. */
  readonly consent: 'ask' | 'given'
  readonly dpopBound: boolean
  readonly parRequired: boolean
  /** It has registered itself. */
  readonly registered: boolean
  readonly createdBy: string
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

const COLUMNS = `id, name, application_type, auth_method, secret_hash, jwks, grant_types, redirect_uris, post_logout_redirect_uris,
  backchannel_logout_uri, scopes, resources, consent, dpop_bound, par_required, website, registered, created_by, version, created_at, updated_at`

type Written = [
  tenantId: string,
  id: string,
  name: string,
  applicationType: string,
  authMethod: string,
  secretHash: Buffer | null,
  jwks: unknown,
  grantTypes: readonly string[],
  redirectUris: readonly string[],
  postLogoutRedirectUris: readonly string[],
  backchannelLogoutUri: string | null,
  scopes: readonly string[],
  resources: readonly string[],
  consent: string,
  dpopBound: boolean,
  parRequired: boolean,
  version: number,
  updatedAt: Date,
  website: string | null,
]

function written(tenantId: string, row: OAuthClientRow): Written {
  return [
    ...([tenantId, row.id, row.name, row.applicationType, row.authMethod, row.secretHash] as const),
    row.jwks === null ? null : json(row.jwks),
    ...([row.grantTypes, row.redirectUris, row.postLogoutRedirectUris, row.backchannelLogoutUri] as const),
    ...([row.scopes, row.resources, row.consent, row.dpopBound, row.parRequired] as const),
    ...([row.version, row.updatedAt, row.website] as const),
  ]
}

/** Adds a client; it rides with the commit. */
export function addOAuthClient(tx: Tx, tenantId: string, row: OAuthClientRow): void {
  tx.later(clientAddition(...written(tenantId, row), row.registered, row.createdBy, row.createdAt))
}
const clientAddition = statement<[...Written, registered: boolean, createdBy: string, createdAt: Date], never>(
  `insert into stoa.oauth_clients (tenant_id, id, name, application_type, auth_method, secret_hash, jwks, grant_types, redirect_uris,
     post_logout_redirect_uris, backchannel_logout_uri, scopes, resources, consent, dpop_bound, par_required, version, updated_at,
     website, registered, created_by, created_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`,
)

/** Writes what may change of a client. The row is locked by then, so it rides with the commit. */
export function saveOAuthClient(tx: Tx, tenantId: string, row: OAuthClientRow): void {
  tx.later(clientSaving(...written(tenantId, row)))
}
const clientSaving = statement<Written, never>(
  `update stoa.oauth_clients
      set name = $3, application_type = $4, auth_method = $5, secret_hash = $6, jwks = $7, grant_types = $8, redirect_uris = $9,
        post_logout_redirect_uris = $10, backchannel_logout_uri = $11, scopes = $12, resources = $13, consent = $14, dpop_bound = $15,
        par_required = $16, version = $17, updated_at = $18, website = $19
    where tenant_id = $1 and id = $2`,
)

/** A client, or undefined. */
export function oauthClientById(tx: Tx, tenantId: string, id: string): Promise<OAuthClientRow | undefined> {
  return tx.maybe(clientOfId(tenantId, id))
}
const clientOfId = statement<[string, string], OAuthClientRow>(
  `select ${COLUMNS} from stoa.oauth_clients where tenant_id = $1 and id = $2`,
)

/** A client, kept from being changed by others until the transaction ends; or undefined. */
export function lockedOAuthClient(tx: Tx, tenantId: string, id: string): Promise<OAuthClientRow | undefined> {
  return tx.maybe(clientOfIdLocked(tenantId, id))
}
const clientOfIdLocked = statement<[string, string], OAuthClientRow>(
  `select ${COLUMNS} from stoa.oauth_clients where tenant_id = $1 and id = $2 for update`,
)

/** Removes a client, and all that was given out to it. */
export async function removeOAuthClient(tx: Tx, tenantId: string, id: string): Promise<void> {
  tx.later(clientRecordsRemoval(tenantId, id))
  await tx.run(clientRemoval(tenantId, id))
}
const clientRecordsRemoval = statement<[string, string], never>(
  `delete from stoa.oidc_records where tenant_id = $1 and payload->>'clientId' = $2`,
)
const clientRemoval = statement<[string, string], never>(
  'delete from stoa.oauth_clients where tenant_id = $1 and id = $2',
)

type ListParameters = [tenantId: string, after: string | null, limit: number]

// Ids are UUIDv7, so their order is the order of creation; the primary key serves both directions.
const oldestFirst = statement<ListParameters, OAuthClientRow>(
  `select ${COLUMNS} from stoa.oauth_clients where tenant_id = $1 and ($2::uuid is null or id > $2) order by id limit $3`,
)
const newestFirst = statement<ListParameters, OAuthClientRow>(
  `select ${COLUMNS} from stoa.oauth_clients where tenant_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`,
)

/** Clients in the order of their creation. */
export function oauthClientList(
  sort: 'createdAt' | '-createdAt',
  ...parameters: ListParameters
): PreparedQuery<OAuthClientRow> {
  return sort === 'createdAt' ? oldestFirst(...parameters) : newestFirst(...parameters)
}
