import { defineRoute } from '@stoa/http'
import { SigningKey, shownKey } from '../openid/oauth-schema.ts'
import type { SigningKeys } from '../openid/signing-keys.ts'

/** `POST /api/v1/signing-keys` */
export function rotateSigningKey(keys: SigningKeys) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/signing-keys',
    operationId: 'rotateSigningKey',
    tags: ['Sign-on'],
    summary: 'Make the next key to sign tokens with',
    description:
      'It is published at once and signs from `signsFrom` on; the one before it goes on checking what it has signed. No token is refused for it.',
    permission: 'identity:keys:rotate',
    rateLimit: { capacity: 20, refillPerSecond: 0.01 },
    schema: { response: { 201: SigningKey } },
    handler: async (ctx) => shownKey(await keys.rotate(ctx)),
  })
}
