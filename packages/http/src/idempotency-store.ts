import { statement, type Tx } from '@stoa/db'

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

// One row whatever is kept, so the lock is tried exactly once. The snapshot may be older than the lock: then the key's row is missed here and the
// primary key stops the second insert.
const claim = statement<[lock: string, tenantId: string, scope: string, key: string], Claim>(
  `select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as claimed,
          k.fingerprint, k.status, k.headers, k.body, k.sealed, k.created_at
     from (values (1)) as asked
     left join stoa.idempotency_keys k on k.tenant_id = $2 and k.scope = $3 and k.key = $4`,
)

/** Locks the key until the end of the transaction, and reads what was kept under it. */
export function claimKey(tx: Tx, tenantId: string, scope: string, key: string): Promise<Claim> {
  return tx.one(claim(`idempotency ${tenantId} ${scope} ${key}`, tenantId, scope, key))
}

/** The same along with the next statement; see `Tx.gate`. */
export function gateKey(tx: Tx, tenantId: string, scope: string, key: string, check: (claim: Claim) => void): void {
  tx.gate(claim(`idempotency ${tenantId} ${scope} ${key}`, tenantId, scope, key), check)
}

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
