import { type PreparedQuery, statement } from '@stoa/db'
import type { KeyOwner } from './key-owners.ts'

/** A key as it is stored. The hash is read by the look-up alone. */
export interface ApiKeyRow {
  readonly id: string
  readonly prefix: string
  readonly name: string
  readonly scopes: string[]
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  readonly lastUsedAt: Date | null
  readonly ownerType: KeyOwner['type'] | null
  readonly ownerId: string | null
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly version: number
}

/** A key with its hash and its tenant, for the guard. */
export interface ApiKeyLookup {
  readonly id: string
  readonly hash: Buffer
  readonly scopes: string[]
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  readonly lastUsedAt: Date | null
  readonly ownerType: KeyOwner['type'] | null
  readonly ownerId: string | null
  readonly tenantId: string
  readonly tenantSlug: string
  readonly tenantSchema: string
}

const COLUMNS =
  'id, prefix, name, scopes, expires_at, revoked_at, last_used_at, owner_type, owner_id, created_by, created_at, updated_at, version'

/** Every key whose token begins with `prefix`, over all tenants: one, or none. Run it as the system role. */
export const apiKeysByPrefix = statement<[prefix: string], ApiKeyLookup>(
  `select k.id, k.hash, k.scopes, k.expires_at, k.revoked_at, k.last_used_at, k.owner_type, k.owner_id,
          t.id as tenant_id, t.slug as tenant_slug, t.schema as tenant_schema
     from stoa.api_keys k join stoa.tenants t on t.id = k.tenant_id
    where k.prefix = $1 limit 2`,
)

/** Adds a key. */
export const apiKeyAdded = statement<
  [
    tenantId: string,
    id: string,
    prefix: string,
    name: string,
    hash: Buffer,
    scopes: readonly string[],
    expiresAt: Date | null,
    createdBy: string,
    now: Date,
    ownerType: KeyOwner['type'] | null,
    ownerId: string | null,
  ],
  ApiKeyRow
>(
  `insert into stoa.api_keys (tenant_id, id, prefix, name, hash, scopes, expires_at, created_by, created_at, updated_at, version, owner_type, owner_id)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 1, $10, $11) returning ${COLUMNS}`,
)

/** One key. @param ownerId whose it has to be; null: anybody's */
export const apiKeyById = statement<[tenantId: string, id: string, ownerId: string | null], ApiKeyRow>(
  `select ${COLUMNS} from stoa.api_keys where tenant_id = $1 and id = $2 and ($3::uuid is null or owner_id = $3)`,
)

/** One key, locked for a change. As {@link apiKeyById}. */
export const apiKeyForUpdate = statement<[tenantId: string, id: string, ownerId: string | null], ApiKeyRow>(
  `select ${COLUMNS} from stoa.api_keys where tenant_id = $1 and id = $2 and ($3::uuid is null or owner_id = $3) for update`,
)

/** Changes a key that is not revoked. */
export const apiKeyChanged = statement<
  [tenantId: string, id: string, name: string, scopes: readonly string[], expiresAt: Date | null, now: Date],
  ApiKeyRow
>(
  `update stoa.api_keys set name = $3, scopes = $4, expires_at = $5, updated_at = $6, version = version + 1
    where tenant_id = $1 and id = $2 returning ${COLUMNS}`,
)

/** Revokes a key for ever. As {@link apiKeyById}. */
export const apiKeyRevoked = statement<[tenantId: string, id: string, now: Date, ownerId: string | null], ApiKeyRow>(
  `update stoa.api_keys set revoked_at = $3, updated_at = $3, version = version + 1
    where tenant_id = $1 and id = $2 and revoked_at is null and ($4::uuid is null or owner_id = $4) returning ${COLUMNS}`,
)

/** Revokes all keys of an owner. */
export const apiKeysOfOwnerRevoked = statement<[tenantId: string, ownerId: string, now: Date], ApiKeyRow>(
  `update stoa.api_keys set revoked_at = $3, updated_at = $3, version = version + 1
    where tenant_id = $1 and owner_id = $2 and revoked_at is null returning ${COLUMNS}`,
)

type ListParameters = [
  tenantId: string,
  after: string | null,
  revoked: boolean | null,
  ownerId: string | null,
  limit: number,
]

// Ids are UUIDv7, so their order is the order of creation; the primary key serves both directions.
const oldestFirst = statement<ListParameters, ApiKeyRow>(
  `select ${COLUMNS} from stoa.api_keys
    where tenant_id = $1 and ($2::uuid is null or id > $2) and ($3::boolean is null or (revoked_at is not null) = $3)
      and ($4::uuid is null or owner_id = $4)
    order by id limit $5`,
)
const newestFirst = statement<ListParameters, ApiKeyRow>(
  `select ${COLUMNS} from stoa.api_keys
    where tenant_id = $1 and ($2::uuid is null or id < $2) and ($3::boolean is null or (revoked_at is not null) = $3)
      and ($4::uuid is null or owner_id = $4)
    order by id desc limit $5`,
)

/** Keys in the order of their creation. */
export function apiKeyList(sort: 'createdAt' | '-createdAt', ...parameters: ListParameters): PreparedQuery<ApiKeyRow> {
  return sort === 'createdAt' ? oldestFirst(...parameters) : newestFirst(...parameters)
}

/** Notes when keys of any tenant were last used. Run it as the system role. */
export const apiKeysUsed = statement<
  [tenantIds: readonly string[], ids: readonly string[], at: readonly Date[]],
  never
>(
  `update stoa.api_keys k set last_used_at = used.at
     from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as used (tenant_id, id, at)
    where k.tenant_id = used.tenant_id and k.id = used.id and (k.last_used_at is null or k.last_used_at < used.at)`,
)
