import type { MigrationSet } from '@stoa/db'
import { installationSecret } from './0001_installation_secret.ts'

/** What the program itself keeps. */
export const stoaMigrations: MigrationSet = { owner: 'stoa', migrations: [installationSecret] }
