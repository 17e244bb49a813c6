import { type Migration, tenantTable } from '@stoa/db'

/** Kinds of tasks that workers outside of the program run. The schema of the input is kept as it was given. */
export const taskKinds: Migration = {
  name: '0001_task_kinds',
  scope: 'tenant',
  breaking: false,
  up: `
create table task_kinds (
  tenant_id uuid not null,
  kind text collate "C" not null,
  description text not null,
  input_schema json not null,
  timeout_ms integer not null,
  lease_ms integer not null,
  retries integer not null,
  max_input_bytes integer not null,
  version integer not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, kind)
);
${tenantTable('task_kinds')}
`,
}
