import { defineEvent } from '@stoa/journal'
import { Type } from 'typebox'
import { tenantPlanChanged } from './plan-event.ts'

const Shape = Type.Object({
  name: Type.String(),
  prefix: Type.String(),
  scopes: Type.Array(Type.String()),
  expiresAt: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
})

/** An API key was created. */
export const apiKeyCreated = defineEvent({
  type: 'api_key.created',
  version: 1,
  keepsPlace: true,
  description: 'An API key was created.',
  data: Shape,
})

/** An API key got another name, other scopes or another end. */
export const apiKeyUpdated = defineEvent({
  type: 'api_key.updated',
  version: 1,
  keepsPlace: true,
  description: 'An API key got another name, other scopes or another end.',
  data: Shape,
})

/** An API key was revoked; it is not accepted any more. */
export const apiKeyRevokedEvent = defineEvent({
  type: 'api_key.revoked',
  version: 1,
  keepsPlace: true,
  description: 'An API key was revoked; it is not accepted any more.',
  data: Type.Object({ name: Type.String(), prefix: Type.String() }),
})

/** The events of this package. */
export const httpEvents = [apiKeyCreated, apiKeyUpdated, apiKeyRevokedEvent, tenantPlanChanged] as const

/** Every event of a key has this subject first. */
export function apiKeySubject(id: string): string {
  return `api_key:${id}`
}
