import { defineRoute, IdParams } from '@stoa/http'
import { StoaError } from '@stoa/kernel'
import { identityErrors } from '../errors.ts'
import { Session, SessionChange } from '../schema.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import { shownSession } from './list-my-sessions.ts'

/** `PATCH /api/v1/me/sessions/{id}` */
export function nameMySession(sessions: Sessions) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/me/sessions/:id',
    operationId: 'nameMySession',
    tags: ['Me'],
    summary: 'Name one of the places where you are signed in',
    description:
      'The name is up to 100 characters, or null for none; sent again, it changes nothing. By a sign-in of your own, not by a key. A session that has ended, or that is somebody else’s, is not found (404).',
    permission: 'identity:self',
    // Sessions are no tenant's: they are written in a transaction of the system's own.
    waits: true,
    errors: ['own_session_required', 'session_not_found'],
    schema: { params: IdParams, body: SessionChange, response: { 200: Session } },
    async handler(ctx, { body, params }) {
      const id = await sessions.ownerOf(ctx)
      if (id === null) throw new StoaError(identityErrors.session_not_found)
      return shownSession(await sessions.name(ctx, id, params.id, body.name?.trim() ?? null))
    },
  })
}
