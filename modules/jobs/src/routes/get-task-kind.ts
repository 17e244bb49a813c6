import { defineRoute } from '@stoa/http'
import { KindParams, TaskKind } from '../schema.ts'
import type { Tasks } from '../tasks.ts'

/** `GET /api/v1/task-kinds/{kind}` */
export function getTaskKind(tasks: Tasks) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/task-kinds/:kind',
    operationId: 'getTaskKind',
    tags: ['Tasks'],
    summary: 'Get a kind of task',
    description:
      'What it takes as JSON Schema, how long an attempt may run, how often it is tried again, and whether you may ask for it (`allowed`). What the program does for itself alone is no kind for callers (404).',
    permission: 'jobs:read',
    errors: ['job_kind_unknown'],
    schema: { params: KindParams, response: { 200: TaskKind } },
    handler: (ctx, { params }) => tasks.kind(ctx, params.kind),
  })
}
