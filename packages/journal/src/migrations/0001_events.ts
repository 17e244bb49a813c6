import { type Migration, tenantTable } from '@stoa/db'

/*
 * Each index costs every append, so each has its reason. Measured on PostgreSQL 15, 100 000 single inserts with one
 * subject each (324 bytes of WAL and 8 µs of the server's CPU per event without any index):
 *
 *   index                     WAL bytes   CPU µs   who needs it
 *   events_by_order                 75      1.4    readers: (xid, id), the only order that does not skip
 *   primary key                    129      1.5    audit of a tenant, newest first, and by time
 *   events_by_subject_1            228      2.7    audit of a thing; 2–4 cost the same again, but only for an event with as many subjects
 *   events_by_actor                143      2.9    audit of a person or a key
 *
 * A GIN index over `subjects` would be cheaper to read in code and is never used: `@>` is not leakproof, so row level
 * security keeps it from being an index condition. Equality of text is leakproof, and a subscript too. A table with one
 * row per subject costs 619 bytes and 14 µs where these indexes cost 376 and 8 (two subjects). No index by type: a type
 * alone walks the tenant's events.
 *
 * The id comes from a sequence because PostgreSQL 15 has no identity columns on partitioned tables. There is no foreign
 * key to the tenants: its row lock would make all transactions of a tenant share one multixact. Only the columns an
 * appender decides can be inserted, so the order of the journal cannot be forged.
 */
export const events: Migration = {
  name: '0001_events',
  scope: 'shared',
  breaking: false,
  up: `
create sequence events_id_seq as bigint;
create table events (
  tenant_id uuid not null,
  id bigint not null default nextval('events_id_seq'),
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null,
  version smallint not null,
  type text not null,
  subjects text[] not null,
  data jsonb not null,
  actor_type text not null,
  actor_id text not null,
  request_id text not null,
  trace_id text,
  primary key (tenant_id, at, id)
) partition by range (at);
alter sequence events_id_seq owned by events.id;
create index events_by_order on events (xid, id);
create index events_by_actor on events (tenant_id, actor_id, at, id);
create index events_by_subject_1 on events (tenant_id, (subjects[1]), at, id);
create index events_by_subject_2 on events (tenant_id, (subjects[2]), at, id) where subjects[2] is not null;
create index events_by_subject_3 on events (tenant_id, (subjects[3]), at, id) where subjects[3] is not null;
create index events_by_subject_4 on events (tenant_id, (subjects[4]), at, id) where subjects[4] is not null;
${tenantTable('events', { app: 'select', system: 'select' })}
grant insert (tenant_id, at, version, type, subjects, data, actor_type, actor_id, request_id, trace_id)
  on events to stoa_app, stoa_system;
grant usage on sequence events_id_seq to stoa_app, stoa_system;
create table events_default partition of events default;
`,
}
