import type { MigrationSet } from '@stoa/db'
import { idempotencyKeys } from './0001_idempotency_keys.ts'
import { apiKeys } from './0002_api_keys.ts'
import { apiKeyOwners } from './0003_api_key_owners.ts'
import { provenHosts } from './0004_proven_hosts.ts'

/** The tables of this package: `idempotency_keys`, `api_keys` and `proven_hosts`, all tenants' tables in the schema `stoa`. */
export const httpMigrations: MigrationSet = {
  owner: 'http',
  migrations: [idempotencyKeys, apiKeys, apiKeyOwners, provenHosts],
}
