import { defineRoute, PageOf } from '@stoa/http'
import { LinkDomain } from '../domains/domain-schema.ts'
import type { LinkDomains } from '../domains/link-domains.ts'

/** `GET /api/v1/link-domains` */
export function listLinkDomains(domains: LinkDomains) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/link-domains',
    operationId: 'listLinkDomains',
    tags: ['Link domains'],
    summary: 'List hosts for short links',
    description:
      'The newest first, unless `sort` says otherwise. Those that are not proven are among them (`pending`), each with the TXT record that would prove it.',
    permission: 'links:read',
    list: { sorts: ['createdAt', '-createdAt'], defaultSort: '-createdAt' },
    schema: { response: { 200: PageOf(LinkDomain) } },
    async handler(ctx, { page }) {
      const rows = await domains.domainList(ctx, {
        ...(page.after && { after: { at: String(page.after[0]), id: String(page.after[1]) } }),
        descending: page.sort.startsWith('-'),
        limit: page.limit + 1,
      })
      return page.of(rows, ({ createdAt, id }) => [createdAt, id])
    },
  })
}
