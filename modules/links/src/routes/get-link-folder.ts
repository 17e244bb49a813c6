import { cameBy, defineRoute, etag, wantsFresh } from '@stoa/http'
import { LinkFolder } from '../folders/folder-schema.ts'
import type { Folders } from '../folders/folders.ts'
import { LinkParams } from '../schema.ts'

/** `GET /api/v1/link-folders/{id}` */
export function getLinkFolder(folders: Folders) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/link-folders/:id',
    operationId: 'getLinkFolder',
    tags: ['Link folders'],
    summary: 'Get a folder of links',
    description: 'Its name alone; the links in it: `GET /api/v1/links?folderId=`.',
    permission: 'links:read',
    cached: true,
    errors: ['link_folder_not_found'],
    schema: { params: LinkParams, response: { 200: LinkFolder } },
    async handler(ctx, { headers, params }, reply) {
      const { outcome, value: folder } = await folders.folderById(ctx, { id: params.id, fresh: wantsFresh(headers) })
      cameBy(reply, outcome)
      reply.header('etag', etag(folder.version))
      return folder
    },
  })
}
