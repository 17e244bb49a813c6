import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { Sessions } from '../sign-in/sessions.ts'

/** `DELETE /api/v1/me/sessions` */
export function endMySessions(sessions: Sessions) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/me/sessions',
    operationId: 'endMySessions',
    tags: ['Me'],
    summary: 'Sign out everywhere',
    description: 'Ends all sessions, also the one that asks; what was given out for them holds no longer.',
    permission: 'identity:self',
    // Sessions are no tenant's: they are written in a transaction of the system's own.
    waits: true,
    errors: ['own_session_required'],
    schema: { response: { 204: Type.Null() } },
    async handler(ctx) {
      const id = await sessions.ownerOf(ctx)
      if (id !== null) await sessions.endAll(ctx, id, null, 'ended')
      return null
    },
  })
}
