import type { ApiKeys } from '../api-keys.ts'
import type { Route } from '../route.ts'
import { createApiKey } from './create-api-key.ts'
import { getApiKey } from './get-api-key.ts'
import { listApiKeys } from './list-api-keys.ts'
import { revokeApiKey } from './revoke-api-key.ts'
import { rotateApiKey } from './rotate-api-key.ts'
import { updateApiKey } from './update-api-key.ts'

/** The operations on API keys. */
export function apiKeyRoutes(keys: ApiKeys): readonly Route[] {
  return [
    createApiKey(keys),
    listApiKeys(keys),
    getApiKey(keys),
    updateApiKey(keys),
    rotateApiKey(keys),
    revokeApiKey(keys),
  ]
}
