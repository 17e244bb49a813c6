import { defineRoute } from '@stoa/http'
import type { ExternalKinds } from '../external-kinds.ts'
import { NewTaskKind, TaskKind } from '../schema.ts'

/** `POST /api/v1/task-kinds` */
export function declareTaskKind(kinds: ExternalKinds) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/task-kinds',
    operationId: 'declareTaskKind',
    tags: ['External workers'],
    summary: 'Declare a kind of task that workers of yours run',
    description:
      'Makes the kind, or changes it to this; saying the same again changes nothing, so a worker may say it whenever it starts. From then on anybody with `jobs:write` can ask for tasks of it. Kinds of the program itself cannot be declared.',
    permission: 'jobs:work',
    errors: ['task_kind_taken', 'too_many_task_kinds'],
    schema: { body: NewTaskKind, response: { 200: TaskKind } },
    handler: (ctx, { body }) => kinds.declare(ctx, body),
  })
}
