import { Id, Nullable, OneOf, Timestamp, TimestampInput } from '@stoa/http'
import { Type } from 'typebox'

/** Where a task stands. */
const TASK_STATES = ['queued', 'scheduled', 'running', 'done', 'dead', 'cancelled'] as const

const Kind = Type.String({
  minLength: 3,
  maxLength: 100,
  description: 'What kind of task: `GET /api/v1/task-kinds` lists them.',
  examples: ['links.import'],
})

/** Why a task failed, as callers are told. */
export const Failure = Type.Object(
  {
    reason: Type.String({
      description:
        '`error`, `timeout`, `cancelled`, `input_invalid`, `result_invalid`, `worker_lost`, `reported` (by an external worker).',
      examples: ['timeout'],
    }),
    message: Type.String({ examples: ['it took longer than 60000 ms'] }),
    code: Type.Optional(Type.String({ description: 'The code of the error, when it has one.' })),
  },
  { title: 'TaskFailure' },
)

/** A task as the API shows it. */
export const Task = Type.Object(
  {
    id: Id,
    kind: Kind,
    state: OneOf(TASK_STATES, {
      description:
        '`queued`: as soon as there is room. `scheduled`: not before `runAt`. `dead`: given up, until it is redriven.',
    }),
    createdAt: Timestamp,
    createdBy: Type.String({
      description: 'Kind and id of who asked for it.',
      examples: ['apiKey:019b76da-a800-7000-8000-000000000002'],
    }),
    runAt: Type.Union([Timestamp, Type.Null()], {
      description: 'When it may run, or could have; null when it is finished.',
      examples: ['2026-11-21T16:42:31.939Z'],
    }),
    startedAt: Type.Union([Timestamp, Type.Null()], {
      description: 'When the last attempt began.',
      examples: [null],
    }),
    finishedAt: Type.Union([Timestamp, Type.Null()], { examples: [null] }),
    attempt: Type.Integer({ minimum: 0, description: 'How many attempts have begun.' }),
    failures: Type.Integer({ minimum: 0, description: 'How many of them failed.' }),
    progress: Type.Union(
      [
        Type.Object({
          fraction: Type.Number({ minimum: 0, maximum: 1 }),
          note: Nullable(Type.String({ description: 'For people.' })),
        }),
        Type.Null(),
      ],
      { examples: [null] },
    ),
    result: Type.Unknown({ description: 'What the kind of task gives; null until it is done.', examples: [null] }),
    failure: Type.Union([Failure, Type.Null()], { description: 'The last one.', examples: [null] }),
    cancelRequested: Type.Boolean({ description: 'It runs, and was asked to stop.' }),
  },
  { additionalProperties: false, title: 'Task' },
)

/** What a new task is made from. */
export const NewTask = Type.Object(
  {
    kind: Kind,
    input: Type.Unknown({
      description: 'What the kind of task takes: `GET /api/v1/task-kinds` has its JSON Schema.',
      examples: [{ links: [{ target: 'https://example.com/spring' }] }],
    }),
    runAt: Type.Optional({
      ...TimestampInput,
      description: 'Not before this time, up to 366 days from now. Default: at once.',
    } as typeof TimestampInput),
  },
  { additionalProperties: false, title: 'NewTask' },
)

/** A filter of tasks. */
export const TaskQuery = Type.Object({
  state: Type.Optional(
    Type.Array(OneOf(TASK_STATES), { maxItems: TASK_STATES.length, description: 'One of these states.' }),
  ),
  kind: Type.Optional(Kind),
})

/** A kind of task that can be asked for. */
export const TaskKind = Type.Object(
  {
    kind: Kind,
    description: Type.String({ examples: ['Makes up to 10,000 short links from a list.'] }),
    permission: Type.String({ description: 'Needed besides `jobs:write`.', examples: ['links:write'] }),
    allowed: Type.Boolean({ description: 'Whether this key has that permission.' }),
    external: Type.Boolean({ description: 'Run by workers outside, who claim tasks over this API.' }),
    timeoutSeconds: Type.Number({ description: 'How long one attempt may take.', examples: [60] }),
    retries: Type.Integer({ description: 'How often it is tried again.', examples: [8] }),
    maxInputBytes: Type.Integer({ description: 'The largest input, as JSON.', examples: [262144] }),
    inputSchema: Type.Unknown({ description: 'JSON Schema of the input.', examples: [{ type: 'object' }] }),
  },
  { additionalProperties: false, title: 'TaskKind' },
)
