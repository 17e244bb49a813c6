import { defineRoute, etag } from '@stoa/http'
import { LinkFolder, NewLinkFolder } from '../folders/folder-schema.ts'
import type { Folders } from '../folders/folders.ts'

/** `POST /api/v1/link-folders` */
export function createLinkFolder(folders: Folders) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/link-folders',
    operationId: 'createLinkFolder',
    tags: ['Link folders'],
    summary: 'Create a folder of links',
    description:
      'A link is in one folder or in none, and a folder is in no other one. Its name is the only one of the organisation, in whatever case (409). There are 1,000 folders at the most (409).',
    permission: 'links:write',
    errors: ['link_folder_taken', 'link_folder_limit'],
    schema: { body: NewLinkFolder, response: { 201: LinkFolder } },
    async handler(ctx, { body }, reply) {
      const folder = await folders.createFolder(ctx, body)
      reply.header('location', `/api/v1/link-folders/${folder.id}`)
      reply.header('etag', etag(folder.version))
      return folder
    },
  })
}
