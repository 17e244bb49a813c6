import type { MigrationSet } from '@stoa/db'
import { secretFingerprint } from './0001_secret_fingerprint.ts'

/** What the program itself keeps. */
export const stoaMigrations: MigrationSet = { owner: 'stoa', migrations: [secretFingerprint] }
