import type { Migration } from '@stoa/db'

/** Jobs that programs outside claim, by tenant and kind. Built beside the work that goes on. */
export const jobsExternal: Migration = {
  name: '0005_jobs_external',
  scope: 'shared',
  breaking: false,
  transactional: false,
  up: `
create index concurrently if not exists jobs_external on jobs (tenant_id, kind, run_at, id) where lane = 'external' and state = 'ready';
`,
}
