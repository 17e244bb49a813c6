import type { MigrationSet } from '@stoa/db'
import { idempotencyKeys } from './0001_idempotency_keys.ts'
import { apiKeys } from './0002_api_keys.ts'
import { apiKeyOwners } from './0003_api_key_owners.ts'
import { provenHosts } from './0004_proven_hosts.ts'
import { plans } from './0005_plans.ts'

/**
 * The tables of this package, in the schema `stoa`: `idempotency_keys`, `api_keys`, `proven_hosts` and `tenant_plans` of
 * tenants; `plans` of all.
 */
export const httpMigrations: MigrationSet = {
  owner: 'http',
  migrations: [idempotencyKeys, apiKeys, apiKeyOwners, provenHosts, plans],
}
