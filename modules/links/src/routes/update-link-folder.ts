import { defineRoute, etag } from '@stoa/http'
import { LinkFolder, LinkFolderChange } from '../folders/folder-schema.ts'
import type { Folders } from '../folders/folders.ts'
import { LinkParams } from '../schema.ts'

/** `PATCH /api/v1/link-folders/{id}` */
export function updateLinkFolder(folders: Folders) {
  return defineRoute({
    method: 'PATCH',
    url: '/api/v1/link-folders/:id',
    operationId: 'updateLinkFolder',
    tags: ['Link folders'],
    summary: 'Rename a folder of links',
    description:
      'The links in it stay, and so do their addresses. The name that it has already changes nothing, and neither does its version; one that another folder has, in whatever case, is refused (409).',
    permission: 'links:write',
    updates: 'if-match',
    errors: ['link_folder_not_found', 'link_folder_taken'],
    schema: { params: LinkParams, body: LinkFolderChange, response: { 200: LinkFolder } },
    async handler(ctx, { body, ifMatch, params }, reply) {
      const folder = await folders.updateFolder(ctx, { id: params.id, precondition: ifMatch, change: body })
      reply.header('etag', etag(folder.version))
      return folder
    },
  })
}
