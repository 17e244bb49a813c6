import { type Migration, tenantTable } from '@stoa/db'

/*
 * What became of jobs, for as long as the lane's policy says. A row carries the day on which it goes, and the table is
 * partitioned by that day: whatever the lanes' policies are, a day is dropped as a whole, and nothing is ever deleted
 * by the row. A partition is made when a policy first names its day; the default partition takes what comes before
 * that.
 */
export const finishedJobs: Migration = {
  name: '0002_finished_jobs',
  scope: 'shared',
  breaking: false,
  up: `
create table jobs_finished (
  tenant_id uuid not null,
  id uuid not null,
  drop_on date not null,
  outcome text not null check (outcome in ('done', 'dead', 'cancelled')),
  kind text not null,
  lane text not null,
  rank smallint not null,
  attempt integer not null,
  failures integer not null,
  rescues integer not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  input json not null,
  origin json not null,
  concurrency_key text,
  concurrency_limit integer,
  parent_id uuid,
  tracked boolean not null,
  progress jsonb,
  result jsonb,
  error jsonb,
  primary key (tenant_id, id, drop_on)
) partition by range (drop_on);
create index jobs_finished_dead on jobs_finished (tenant_id, id) where outcome = 'dead';
create index jobs_finished_of_parent on jobs_finished (tenant_id, parent_id) where parent_id is not null;
${tenantTable('jobs_finished')}
create table jobs_finished_default partition of jobs_finished default;
`,
}
