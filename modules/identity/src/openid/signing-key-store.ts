import type { JsonWebKey } from 'node:crypto'
import { json, statement, type Tx } from '@stoa/db'

/** What a tenant signs with. */
export type SigningAlgorithm = 'ES256' | 'EdDSA'

/** A row of `signing_keys`. */
export interface SigningKeyRow {
  readonly tenantId: string
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly publicJwk: JsonWebKey
  readonly privateSealed: Buffer
  /** From when it signs; it is published from the beginning. */
  readonly signsFrom: Date
  /** When it is published no longer; null while it may sign. */
  readonly retiresAt: Date | null
  readonly createdAt: Date
}

const COLUMNS = 'tenant_id, kid, alg, public_jwk, private_sealed, signs_from, retires_at, created_at'

/** The keys of a tenant that are not retired, the newest first. */
export function signingKeysOf(tx: Tx, tenantId: string, now: Date): Promise<SigningKeyRow[]> {
  return tx.many(keysOfTenant(tenantId, now))
}
const keysOfTenant = statement<[string, Date], SigningKeyRow>(
  `select ${COLUMNS} from stoa.signing_keys
    where tenant_id = $1 and (retires_at is null or retires_at > $2) order by signs_from desc, kid`,
)

/** The key of an id, with whose it is; undefined when there is none, or it is retired. Run it as the system role. */
export function signingKeyById(tx: Tx, kid: string, now: Date): Promise<PublishedKeyRow | undefined> {
  return tx.maybe(keyOfId(kid, now))
}
/** A key that signatures are checked with. */
export interface PublishedKeyRow extends SigningKeyRow {
  readonly slug: string
  readonly schema: string
}
const keyOfId = statement<[string, Date], PublishedKeyRow>(
  `select k.tenant_id, kid, alg, public_jwk, private_sealed, signs_from, retires_at, k.created_at, t.slug, t.schema
     from stoa.signing_keys k join stoa.tenants t on t.id = k.tenant_id
    where kid = $1 and (retires_at is null or retires_at > $2)`,
)

/** Holds all who would change the keys of a tenant until the transaction ends. */
export function lockSigningKeys(tx: Tx, tenantId: string): Promise<unknown> {
  return tx.many(keysLock(`signing keys of ${tenantId}`))
}
const keysLock = statement<[string], unknown>('select pg_advisory_xact_lock(hashtextextended($1, 0))')

/** Adds a key; it rides with the commit. */
export function addSigningKey(tx: Tx, key: SigningKeyRow): void {
  const { alg, createdAt, kid, privateSealed, publicJwk, signsFrom, tenantId } = key
  tx.later(keyAddition(tenantId, kid, alg, json(publicJwk), privateSealed, signsFrom, createdAt))
}
const keyAddition = statement<[string, string, string, unknown, Buffer, Date, Date], never>(
  `insert into stoa.signing_keys (tenant_id, kid, alg, public_jwk, private_sealed, signs_from, created_at)
   values ($1, $2, $3, $4, $5, $6, $7)`,
)

/** Lets all keys of a tenant retire that do not have an end yet. */
export function retireSigningKeys(tx: Tx, tenantId: string, at: Date): Promise<number> {
  return tx.run(keysRetirement(tenantId, at))
}
const keysRetirement = statement<[string, Date], never>(
  'update stoa.signing_keys set retires_at = $2 where tenant_id = $1 and retires_at is null',
)

/** Removes keys that nothing is checked with any more. Run it as the system role. */
export function removeRetiredKeys(tx: Tx, before: Date): Promise<number> {
  return tx.run(retiredRemoval(before))
}
const retiredRemoval = statement<[Date], never>('delete from stoa.signing_keys where retires_at < $1')
