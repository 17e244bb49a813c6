import type { Migration } from '@stoa/db'

/** By which claim a lease was given: whoever has lost the answer asks again under the same key. */
export const jobLeaseClaims: Migration = {
  name: '0006_job_lease_claims',
  scope: 'shared',
  breaking: false,
  up: `
alter table job_leases add column claim text;
`,
}
