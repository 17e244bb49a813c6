import { type Migration, tenantTable } from '@stoa/db'

/** Work that comes again and again: one row per schedule, which says when it comes next. */
export const jobSchedules: Migration = {
  name: '0003_job_schedules',
  scope: 'shared',
  breaking: false,
  up: `
create table job_schedules (
  tenant_id uuid not null,
  name text not null,
  kind text not null,
  cron text not null,
  time_zone text not null,
  input json not null,
  next_at timestamptz,
  last_at timestamptz,
  last_job_id uuid,
  primary key (tenant_id, name)
) with (fillfactor = 50);
create index job_schedules_due on job_schedules (next_at) where next_at is not null;
${tenantTable('job_schedules')}
`,
}
