import { defineRoute, IdParams } from '@stoa/http'
import { StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { identityErrors } from '../errors.ts'
import type { Sessions } from '../sign-in/sessions.ts'

/** `DELETE /api/v1/me/sessions/{id}` */
export function endMySession(sessions: Sessions) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/me/sessions/:id',
    operationId: 'endMySession',
    tags: ['Me'],
    summary: 'Sign out of one of the places where you are signed in',
    description: 'What was given out for it holds no longer.',
    permission: 'identity:self',
    // As for its name.
    waits: true,
    errors: ['own_session_required', 'session_not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      const id = await sessions.ownerOf(ctx)
      if (id === null) throw new StoaError(identityErrors.session_not_found)
      await sessions.end(ctx, id, params.id, 'ended')
      return null
    },
  })
}
