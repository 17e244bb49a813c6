import type { Database } from '@stoa/db'
import { defineRoute } from '@stoa/http'
import { organisationsOf } from '../people/organisation-store.ts'
import { Organisations } from '../schema.ts'
import type { Sessions } from '../sign-in/sessions.ts'

/** `GET /api/v1/me/organisations` */
export function listMyOrganisations(db: Database, sessions: Sessions, publicUrl: () => string) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/me/organisations',
    operationId: 'listMyOrganisations',
    tags: ['Me'],
    summary: 'See what you belong to',
    description:
      'All organisations, by name. A token and a key are for one of them; a session is for all, so whoever is signed in goes on at `url`. By a sign-in of your own, not by a key. Programs belong to none.',
    permission: 'identity:self',
    errors: ['own_session_required'],
    schema: { response: { 200: Organisations } },
    async handler(ctx) {
      const personId = await sessions.ownerOf(ctx)
      if (personId === null) return { data: [] }
      const rows = await db.systemRead(ctx, (tx) => organisationsOf(tx, personId))
      const data = rows.map(({ id, joinedAt, name, roleNames, slug, status }) => ({
        ...{ id, slug, name, roles: [...roleNames], status, isCurrent: id === ctx.tenant.id },
        ...{ url: `${publicUrl()}/t/${slug}/home`, joinedAt },
      }))
      return { data }
    },
  })
}
