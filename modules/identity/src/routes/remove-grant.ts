import { defineRoute, IdParams } from '@stoa/http'
import { Type } from 'typebox'
import type { Grants } from '../access/grants.ts'

/** `DELETE /api/v1/grants/{id}` */
export function removeGrant(grants: Grants) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/grants/:id',
    operationId: 'removeGrant',
    tags: ['Grants'],
    summary: 'Take a grant back',
    description:
      'It ends at once: also for keys, and for connections that are open. Whoever takes it back must hold all that its role allows (403). One that is gone already is not found (404).',
    permission: 'identity:manage',
    errors: ['grant_not_found'],
    schema: { params: IdParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await grants.remove(ctx, params.id)
      return null
    },
  })
}
