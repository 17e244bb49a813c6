import { type Migration, sharedTable, tenantTable } from '@stoa/db'

/*
 * `jobs` holds what is not finished, so it stays as small as the work that is left. A row is written three times: born,
 * claimed, removed. Each index costs each of these, so each has its reason:
 *
 *   jobs_pkey    acks and look-ups, by tenant and id
 *   jobs_ready   the claim: a lane's most urgent rank, tenant by tenant, first come first served
 *   jobs_due, jobs_keyed, jobs_of_parent   of the few jobs that wait for a time, a turn or their children
 *
 * There is none by worker: what a worker holds it knows itself, and the rescue of a dead one is rare enough to look
 * through the table. `rank` is minus the priority, so that one direction of the index is the order of claiming. The
 * input is `json`, which costs nothing but its check on the way in and nothing on the way out. There is no foreign key
 * to the tenants: its row lock would make all transactions of a tenant share one multixact. The table is vacuumed by
 * count and without a pause, because its dead rows lie where the claim looks.
 */
export const jobs: Migration = {
  name: '0001_jobs',
  scope: 'shared',
  breaking: false,
  up: `
create table jobs (
  tenant_id uuid not null,
  id uuid not null,
  kind text not null,
  lane text not null,
  rank smallint not null,
  state text not null check (state in ('ready', 'scheduled', 'held', 'waiting', 'running')),
  attempt integer not null default 0,
  failures integer not null default 0,
  rescues integer not null default 0,
  run_at timestamptz not null,
  worker uuid,
  started_at timestamptz,
  input json not null,
  origin json not null,
  unique_key text,
  concurrency_key text,
  concurrency_limit integer,
  parent_id uuid,
  awaits integer not null default 0,
  tracked boolean not null default false,
  cancel_requested boolean not null default false,
  progress jsonb,
  error jsonb,
  primary key (tenant_id, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_vacuum_insert_threshold = -1);
create index jobs_ready on jobs (lane, rank, tenant_id, run_at, id) where state = 'ready';
create index jobs_due on jobs (run_at) where state = 'scheduled';
create index jobs_keyed on jobs (tenant_id, kind, concurrency_key, state, id) where concurrency_key is not null;
create index jobs_of_parent on jobs (tenant_id, parent_id) where parent_id is not null;
${tenantTable('jobs')}
create table job_uniques (
  tenant_id uuid not null,
  kind text not null,
  key text not null,
  job_id uuid not null,
  until timestamptz,
  primary key (tenant_id, kind, key)
);
${tenantTable('job_uniques')}
create table job_workers (
  id uuid primary key,
  name text not null,
  started_at timestamptz not null,
  seen_at timestamptz not null
) with (fillfactor = 50);
${sharedTable('job_workers', { app: 'none' })}
create table job_pauses (
  what text primary key,
  paused_at timestamptz not null
);
${sharedTable('job_pauses', { app: 'none' })}`,
}
