import { defineRoute, etag } from '@stoa/http'
import { SignInSettings as Shape } from '../schema.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'

/** `GET /api/v1/identity/sign-in-settings` */
export function getSignInSettings(settings: SignInSettings) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/identity/sign-in-settings',
    operationId: 'getSignInSettings',
    tags: ['Identity'],
    summary: 'Get how the sign-in pages look',
    description:
      'Where nobody has set anything, the answer has version 0 and what the pages do then: the organisation’s name, no colour, no logo, and nobody can register. The `ETag` is what `PUT` takes as `If-Match`.',
    permission: 'identity:configure',
    schema: { response: { 200: Shape } },
    async handler(ctx, _request, reply) {
      const found = await settings.get(ctx)
      reply.header('etag', etag(found.version))
      return found
    },
  })
}
