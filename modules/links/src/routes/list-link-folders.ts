import { cameBy, defineRoute, PageOf, wantsFresh } from '@stoa/http'
import { LinkFolder } from '../folders/folder-schema.ts'
import type { Folders } from '../folders/folders.ts'

/** `GET /api/v1/link-folders` */
export function listLinkFolders(folders: Folders) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/link-folders',
    operationId: 'listLinkFolders',
    tags: ['Link folders'],
    summary: 'List folders of links',
    description: 'By name. The links of one: `GET /api/v1/links?folderId=`.',
    permission: 'links:read',
    cached: true,
    list: { sorts: ['name'], defaultSort: 'name' },
    schema: { response: { 200: PageOf(LinkFolder) } },
    async handler(ctx, { headers, page }, reply) {
      const { outcome, value: rows } = await folders.folderList(ctx, {
        after: String(page.after?.[0] ?? ''),
        fresh: wantsFresh(headers),
        limit: page.limit + 1,
      })
      cameBy(reply, outcome)
      const { data, ...rest } = page.of(rows, ({ folded, folder }) => [folded, folder.id])
      return { ...rest, data: data.map(({ folder }) => folder) }
    },
  })
}
