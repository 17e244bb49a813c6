import { sqlState, statement, type Tx } from '@stoa/db'

/** What is kept of an answered request. */
export interface KeptAnswer {
  readonly fingerprint: Buffer
  readonly status: number
  /** The headers that a replay repeats. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
  /** Whether `body` is encrypted. */
  readonly sealed: boolean
  readonly createdAt: Date
}

/** Whether the key is ours now, and what was kept under it. */
export type Claim = { readonly claimed: boolean } & { readonly [K in keyof KeptAnswer]: KeptAnswer[K] | null }

// One row whatever is kept, so the lock is tried exactly once. The snapshot may be older than the lock: then the key's
// row is missed here and the primary key stops the second insert.
const claim = statement<[lock: string, tenantId: string, scope: string, key: string], Claim>(
  `select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as claimed,
          k.fingerprint, k.status, k.headers, k.body, k.sealed, k.created_at
     from (values (1)) as asked
     left join stoa.idempotency_keys k on k.tenant_id = $2 and k.scope = $3 and k.key = $4`,
)

/** Locks the key until the end of the transaction, and reads what was kept under it. */
export function claimKey(tx: Tx, tenantId: string, scope: string, key: string): Promise<Claim> {
  return tx.one(claim(lockOf(tenantId, scope, key), tenantId, scope, key))
}

const KEY_TAKEN = 'ST409'
const assertFree = statement<[lock: string, tenantId: string, scope: string, key: string], { free: boolean }>(
  `select case
    when pg_try_advisory_xact_lock(hashtextextended($1, 0)) and not exists (
      select from stoa.idempotency_keys where tenant_id = $2 and scope = $3 and key = $4)
    then true
    else stoa.idempotency_key_taken()
  end as free`,
)

/**
 * Locks the key along with the next statement or the commit, and fails the transaction when it is not free
 * ({@link isKeyTaken}). `claimed` is called when it is.
 */
export function claimFreeKey(tx: Tx, tenantId: string, scope: string, key: string, claimed: () => void): void {
  tx.later(assertFree(lockOf(tenantId, scope, key), tenantId, scope, key), { seen: claimed })
}

/** Whether a transaction failed because {@link claimFreeKey} found its key taken. */
export function isKeyTaken(error: unknown): boolean {
  return sqlState(error) === KEY_TAKEN
}

const lockOf = (tenantId: string, scope: string, key: string) => `idempotency ${tenantId} ${scope} ${key}`

const keep = statement<unknown[], never>(
  `insert into stoa.idempotency_keys (tenant_id, scope, key, fingerprint, status, headers, body, sealed, created_at)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
)

/** Keeps an answer, with the commit. The primary key fails the transaction when somebody else was first. */
export function keepAnswer(tx: Tx, tenantId: string, scope: string, key: string, answer: KeptAnswer): void {
  const { fingerprint, status, headers, body, sealed, createdAt } = answer
  tx.later(keep(tenantId, scope, key, fingerprint, status, headers, body, sealed, createdAt))
}

const forget = statement<[tenantId: string, scope: string, key: string], never>(
  'delete from stoa.idempotency_keys where tenant_id = $1 and scope = $2 and key = $3',
)

/** Forgets one key, before its place is taken again. */
export function forgetKey(tx: Tx, tenantId: string, scope: string, key: string): void {
  tx.later(forget(tenantId, scope, key))
}

// Several nodes sweep at once: each takes rows that no other has locked.
const sweep = statement<[before: Date, limit: number], never>(
  `delete from stoa.idempotency_keys
    where (tenant_id, scope, key) in (
      select tenant_id, scope, key from stoa.idempotency_keys
       where created_at < $1 order by created_at limit $2 for update skip locked)`,
)

/** Forgets at most `limit` keys of all tenants that are older than `before`. Gives how many. */
export function sweepKeys(tx: Tx, before: Date, limit: number): Promise<number> {
  return tx.run(sweep(before, limit))
}
