import { defineRoute } from '@stoa/http'
import { Type } from 'typebox'
import { TaskKind } from '../schema.ts'
import type { Tasks } from '../tasks.ts'

/** `GET /api/v1/task-kinds` */
export function listTaskKinds(tasks: Tasks) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/task-kinds',
    operationId: 'listTaskKinds',
    tags: ['Tasks'],
    summary: 'List the kinds of tasks',
    description: 'All that can be asked for here, with the JSON Schema of what each takes.',
    permission: 'jobs:read',
    schema: { response: { 200: Type.Object({ data: Type.Array(TaskKind) }, { title: 'TaskKinds' }) } },
    handler: async (ctx) => ({ data: await tasks.kinds(ctx) }),
  })
}
