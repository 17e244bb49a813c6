import type { Migration } from '@stoa/db'

/** Leases of a claim. Built beside the work that goes on. */
export const jobLeasesClaim: Migration = {
  name: '0007_job_leases_claim',
  scope: 'shared',
  breaking: false,
  transactional: false,
  up: `
create index concurrently if not exists job_leases_claim on job_leases (tenant_id, claim) where claim is not null;
`,
}
