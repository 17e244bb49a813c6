import { defineRoute } from '@stoa/http'
import { Sessions as Shape } from '../schema.ts'
import type { SessionRow } from '../sign-in/session-store.ts'
import type { Sessions } from '../sign-in/sessions.ts'

/** `GET /api/v1/me/sessions` */
export function listMySessions(sessions: Sessions) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/me/sessions',
    operationId: 'listMySessions',
    tags: ['Me'],
    summary: 'See where you are signed in',
    description:
      'All of them, the one used last first. By a sign-in of your own, not by a key: they are of all organisations. Programs are signed in nowhere.',
    permission: 'identity:self',
    errors: ['own_session_required'],
    schema: { response: { 200: Shape } },
    async handler(ctx) {
      const id = await sessions.ownerOf(ctx)
      return { data: id === null ? [] : (await sessions.list(ctx, id)).map(shownSession) }
    },
  })
}

/** A session as it is shown to its owner. */
export function shownSession({ personId: _, idleSeconds: __, amr, ...session }: SessionRow) {
  return { ...session, amr: [...amr] }
}
