/* Kinds of tasks that a tenant has declared. */
import { statement } from '@stoa/db'

/** A row of `task_kinds`. */
export interface KindRow {
  readonly kind: string
  readonly description: string
  readonly inputSchema: unknown
  readonly timeoutMs: number
  readonly leaseMs: number
  readonly retries: number
  readonly maxInputBytes: number
}

const columns = 'kind, description, input_schema, timeout_ms, lease_ms, retries, max_input_bytes'

/** Those of these kinds that are declared, by name; null: all. */
export const kindList = statement<[tenantId: string, kinds: readonly string[] | null], KindRow>(
  `select ${columns} from task_kinds where tenant_id = $1 and ($2::text[] is null or kind = any ($2)) order by kind`,
)

/** Makes a kind, or changes it to this. Gives its version when that has changed something. */
export const kindDeclared = statement<
  [
    tenantId: string,
    kind: string,
    description: string,
    inputSchema: string,
    timeoutMs: number,
    leaseMs: number,
    retries: number,
    maxInputBytes: number,
    at: Date,
  ],
  { version: number }
>(`
insert into task_kinds as k (tenant_id, ${columns}, version, created_at, updated_at)
values ($1, $2, $3, $4::json, $5, $6, $7, $8, 1, $9, $9)
on conflict (tenant_id, kind) do update
  set description = excluded.description, input_schema = excluded.input_schema, timeout_ms = excluded.timeout_ms,
    lease_ms = excluded.lease_ms, retries = excluded.retries, max_input_bytes = excluded.max_input_bytes,
    version = k.version + 1, updated_at = excluded.updated_at
  where (k.description, k.input_schema::text, k.timeout_ms, k.lease_ms, k.retries, k.max_input_bytes) is distinct from
    (excluded.description, excluded.input_schema::text, excluded.timeout_ms, excluded.lease_ms, excluded.retries, excluded.max_input_bytes)
returning version`)

/** How many kinds there are. */
export const kindCount = statement<[tenantId: string], { count: number }>(
  'select count(*)::integer as count from task_kinds where tenant_id = $1',
)

export const kindRemoved = statement<[tenantId: string, kind: string], { kind: string }>(
  'delete from task_kinds where tenant_id = $1 and kind = $2 returning kind',
)
