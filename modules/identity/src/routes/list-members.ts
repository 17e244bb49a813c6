import { defineRoute, PageOf } from '@stoa/http'
import { Member, MemberQuery } from '../access/schema.ts'
import type { Members } from '../members/members.ts'

/** `GET /api/v1/members` */
export function listMembers(members: Members) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/members',
    operationId: 'listMembers',
    tags: ['Members'],
    summary: 'List the members',
    description: 'Filters are combined.',
    permission: 'identity:read',
    list: { sorts: ['createdAt', '-createdAt'] },
    schema: { querystring: MemberQuery, response: { 200: PageOf(Member) } },
    async handler(ctx, { page, query }) {
      const [at, id] = page.after ?? []
      const rows = await members.list(ctx, {
        ...{ status: query.status, role: query.role, search: query.q },
        descending: page.sort.startsWith('-'),
        after: page.after && { at: String(at), id: String(id) },
        limit: page.limit + 1,
      })
      return page.of(rows, (member) => [member.createdAt, member.id])
    },
  })
}
