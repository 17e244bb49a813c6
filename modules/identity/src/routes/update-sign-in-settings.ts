import { defineRoute, etag } from '@stoa/http'
import { SignInSettings as Shape, SignInSettingsChange } from '../schema.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'

/** `PUT /api/v1/identity/sign-in-settings` */
export function updateSignInSettings(settings: SignInSettings) {
  return defineRoute({
    method: 'PUT',
    url: '/api/v1/identity/sign-in-settings',
    operationId: 'updateSignInSettings',
    tags: ['Identity'],
    summary: 'Set how the sign-in pages look, and who may register',
    description: 'All of it: what is absent is as if nobody had set it. Where there is none yet, the version is 0.',
    permission: 'identity:configure',
    updates: 'if-match',
    schema: { body: SignInSettingsChange, response: { 200: Shape } },
    async handler(ctx, { body, ifMatch }, reply) {
      const saved = await settings.set(ctx, { change: body, precondition: ifMatch })
      reply.header('etag', etag(saved.version))
      return saved
    },
  })
}
