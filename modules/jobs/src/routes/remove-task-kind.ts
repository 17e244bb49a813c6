import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import type { ExternalKinds } from '../external-kinds.ts'
import { KindParams } from '../schema.ts'

/** `DELETE /api/v1/task-kinds/{kind}` */
export function removeTaskKind(kinds: ExternalKinds) {
  return defineRoute({
    method: 'DELETE',
    url: '/api/v1/task-kinds/:kind',
    operationId: 'removeTaskKind',
    tags: ['External workers'],
    summary: 'Remove a kind of task',
    description:
      'Nobody can ask for tasks of it any more, nor claim those that wait: they stay until it is declared again, or they are cancelled. What is claimed can still be ended.',
    permission: 'jobs:work',
    errors: ['job_kind_unknown'],
    schema: { params: KindParams, response: { 204: Type.Null() } },
    async handler(ctx, { params }) {
      await kinds.remove(ctx, params.kind)
      return null
    },
  })
}
