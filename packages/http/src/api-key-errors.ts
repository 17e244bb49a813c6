import { defineErrors } from '@stoa/kernel'

/** The error codes of API keys. */
export const apiKeyErrors = defineErrors({
  api_key_revoked: { kind: 'conflict', message: 'This API key was revoked and cannot be changed.' },
})
