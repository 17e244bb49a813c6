/*
 * The frame says who a transaction is: role, tenant, search path, time-out; all LOCAL, so nothing is left on the
 * connection for the next one, and a pooler in transaction mode is safe. It is one statement, planned once per
 * connection, and it travels in the flush of the first query.
 *
 * The login role owns the tables; `stoa_app` does not, and has no BYPASSRLS, so row level security holds even where a
 * query forgets the tenant.
 */
import type { Tenant } from '@stoa/kernel'
import { APP_ROLE, POOL_SCHEMA, SHARED_SCHEMA, SYSTEM_ROLE } from './migration.ts'
import { identifier } from './sql-text.ts'
import type { Frame } from './transaction.ts'

const WRITE_FRAME = `select set_config('role', $1, true), set_config('stoa.tenant', $2, true),
  set_config('search_path', $3, true), set_config('statement_timeout', $4, true)`
const READ_FRAME = `${WRITE_FRAME}, set_config('transaction_read_only', 'on', true)`

/** Makes the frames of one database; a tenant's are made once and kept while the tenant object lives. */
export class Frames {
  readonly #timeoutMs: string
  readonly #ofTenant = new WeakMap<Tenant, { read: Frame; write: Frame }>()
  readonly system: { readonly read: Frame; readonly write: Frame }

  constructor(statementTimeoutMs: number) {
    this.#timeoutMs = String(statementTimeoutMs)
    this.system = this.#pair(SYSTEM_ROLE, null, `${SHARED_SCHEMA}, ${POOL_SCHEMA}`)
  }

  ofTenant(tenant: Tenant): { readonly read: Frame; readonly write: Frame } {
    const known = this.#ofTenant.get(tenant)
    if (known) return known
    const made = this.#pair(APP_ROLE, tenant.id, `${identifier(tenant.schema)}, ${SHARED_SCHEMA}`)
    this.#ofTenant.set(tenant, made)
    return made
  }

  #pair(role: string, tenantId: string | null, searchPath: string): { read: Frame; write: Frame } {
    const parameters = [role, tenantId ?? '', searchPath, this.#timeoutMs]
    const frame = (sql: string): Frame => ({
      statement: { sql, parameters, planKey: '' },
      planKey: searchPath,
      tenantId,
    })
    return { read: frame(READ_FRAME), write: frame(WRITE_FRAME) }
  }
}
