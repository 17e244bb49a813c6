import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { Folders } from '../folders/folders.ts'
import { LinkParams } from '../schema.ts'

/** `DELETE /api/v1/link-folders/{id}` */
export function removeLinkFolder(folders: Folders) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/link-folders/:id',
    operationId: 'removeLinkFolder',
    tags: ['Link folders'],
    summary: 'Remove a folder of links',
    description: 'Only an empty one. `PATCH /api/v1/links/bulk` moves many links at once.',
    permission: 'links:write',
    updates: 'if-match-when-sent',
    errors: ['link_folder_not_found', 'link_folder_in_use'],
    schema: { params: LinkParams, response: { 204: Type.Null() } },
    async handler(ctx, { ifMatch, params }) {
      await folders.removeFolder(ctx, { id: params.id, precondition: ifMatch })
      return null
    },
  })
}
