import type { MigrationSet } from '@stoa/db'
import { idempotencyKeys } from './0001_idempotency_keys.ts'
import { apiKeys } from './0002_api_keys.ts'
import { apiKeyOwners } from './0003_api_key_owners.ts'

/** The tables of this package: `idempotency_keys` and `api_keys`, both tenants' tables in the schema `stoa`. */
export const httpMigrations: MigrationSet = { owner: 'http', migrations: [idempotencyKeys, apiKeys, apiKeyOwners] }
