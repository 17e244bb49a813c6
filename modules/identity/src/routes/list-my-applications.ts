import { defineRoute, PageOf } from '@stoa/http'
import type { AfterApplication, Applications } from '../openid/applications.ts'
import { AllowedApplication } from '../openid/oauth-schema.ts'
import { personOf } from './person-of.ts'

/** `GET /api/v1/me/applications` */
export function listMyApplications(applications: Applications) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/me/applications',
    operationId: 'listMyApplications',
    tags: ['Me'],
    summary: 'See which applications you have let in',
    description:
      'In the organisation that the token or the key is for, by name; those of another one are seen there. With those that the organisation has let in for everybody, once you have used them. Programs have let in none.',
    permission: 'identity:self',
    list: { sorts: ['name'] },
    schema: { response: { 200: PageOf(AllowedApplication) } },
    async handler(ctx, { page }) {
      const id = personOf(ctx)
      const rows = id === null ? [] : await applications.list(ctx, id, page.after as AfterApplication, page.limit + 1)
      return page.of(rows, (one) => [one.name, one.id])
    },
  })
}
