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
    description:
      'Those that are published, the newest first: the one that signs, one that is going to, and those before, for 30 days after the next one has begun to sign. There is none until the issuer is first asked for anything, or a rotation makes one. The keys themselves are public, at the `jwks_uri` of the issuer.',
    permission: 'identity:keys:read',
    schema: { response: { 200: Type.Object({ items: Type.Array(SigningKey) }, { title: 'SigningKeys' }) } },
    handler: async (ctx) => ({ items: (await keys.list(ctx)).map(shownKey) }),
  })
}
