import { type Migration, tenantTable } from '@stoa/db'

/*
 * Jobs that programs outside of this one run. They wait in the lane `external`, where `jobs_external` finds them by
 * tenant and kind, and whoever claims one holds it by a lease. To the queue all of them are one worker, which is never
 * silent: so the rescue of workers that died leaves these jobs alone, and leases that ran out are looked for by their
 * own index.
 */
export const jobLeases: Migration = {
  name: '0004_job_leases',
  scope: 'shared',
  breaking: false,
  up: `
create table job_leases (
  tenant_id uuid not null,
  job_id uuid not null,
  attempt integer not null,
  until timestamptz not null,
  ends_at timestamptz not null,
  policy json not null,
  primary key (tenant_id, job_id)
);
create index job_leases_until on job_leases (until);
${tenantTable('job_leases')}
insert into job_workers (id, name, started_at, seen_at) values ('00000000-0000-4000-8000-000000000001', 'external', now(), 'infinity');
`,
}
