/** The columns that an event is inserted with, of the journal's table and of the peer's. */
export const OUTBOX_COLUMNS = 'tenant_id, at, version, type, subjects, data, actor_type, actor_id, request_id, trace_id'

/** The peer's table: the same columns, one key, no index but the one it polls by. */
export const OUTBOX = `create table outbox (
  id bigserial primary key,
  tenant_id uuid not null,
  at timestamptz not null,
  version smallint not null,
  type text not null,
  subjects text[] not null,
  data jsonb not null,
  actor_type text not null,
  actor_id text not null,
  request_id text not null,
  trace_id text
)`
