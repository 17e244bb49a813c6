import type { MigrationSet } from '@stoa/db'
import { jobs } from './0001_jobs.ts'
import { finishedJobs } from './0002_finished_jobs.ts'
import { jobSchedules } from './0003_job_schedules.ts'
import { jobLeases } from './0004_job_leases.ts'
import { jobsExternal } from './0005_jobs_external.ts'
import { jobLeaseClaims } from './0006_job_lease_claims.ts'
import { jobLeasesClaim } from './0007_job_leases_claim.ts'
import { jobsInPlace } from './0008_jobs_in_place.ts'

/** The queue's schema. */
export const queueMigrations: MigrationSet = {
  owner: 'queue',
  migrations: [jobs, finishedJobs, jobSchedules, jobLeases, jobsExternal, jobLeaseClaims, jobLeasesClaim, jobsInPlace],
}
