import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'

/** `DELETE /api/v1/identity/sign-in-settings` */
export function removeSignInSettings(settings: SignInSettings) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/identity/sign-in-settings',
    operationId: 'removeSignInSettings',
    tags: ['Identity'],
    summary: 'Set the sign-in pages back',
    description: 'They look as they did before anybody had set anything, and nobody can register.',
    permission: 'identity:configure',
    updates: 'if-match-when-sent',
    schema: { response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch }) {
      await settings.remove(ctx, ifMatch)
      return null
    },
  })
}
