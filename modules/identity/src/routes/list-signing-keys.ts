import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { SigningKey, shownKey } from '../openid/oauth-schema.ts'
import type { SigningKeys } from '../openid/signing-keys.ts'

/** `GET /api/v1/signing-keys` */
export function listSigningKeys(keys: SigningKeys) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/signing-keys',
    operationId: 'listSigningKeys',
    tags: ['Sign-on'],
    summary: 'List the keys that tokens are signed with',
    permission: 'identity:keys:read',
    schema: { response: { 200: Type.Object({ items: Type.Array(SigningKey) }, { title: 'SigningKeys' }) } },
    handler: async (ctx) => ({ items: (await keys.list(ctx)).map(shownKey) }),
  })
}
