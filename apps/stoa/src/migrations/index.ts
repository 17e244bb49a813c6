import type { MigrationSet } from '@stoa/db'
import { installationSecret } from './0001_installation_secret.ts'
import { limiterBuckets } from './0002_limiter_buckets.ts'

/** What the program itself keeps. */
export const stoaMigrations: MigrationSet = { owner: 'stoa', migrations: [installationSecret, limiterBuckets] }
