import { Id, Nullable, OneOf, Timestamp, TimestampInput } from '@stoa/http'
import { Type } from 'typebox'

/** Where a task stands. */
const TASK_STATES = ['queued', 'scheduled', 'running', 'done', 'dead', 'cancelled'] as const

/** The longest name of a kind. */
const KIND_MAX = 100

const Kind = Type.String({
  minLength: 3,
  maxLength: KIND_MAX,
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
    leaseSeconds: Nullable(
      Type.Number({
        description: 'For so long a worker outside holds a task without a heartbeat; null: the program runs them.',
      }),
    ),
    retries: Type.Integer({ description: 'How often it is tried again.', examples: [8] }),
    maxInputBytes: Type.Integer({ description: 'The largest input, as JSON.', examples: [262144] }),
    inputSchema: Type.Unknown({ description: 'JSON Schema of the input.', examples: [{ type: 'object' }] }),
  },
  { additionalProperties: false, title: 'TaskKind' },
)

/** A kind as it is declared. */
const DeclaredKind = Type.String({
  maxLength: KIND_MAX,
  pattern: '^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$',
  description: 'Two or more words of small letters, digits and `_`, joined by dots.',
  examples: ['image.resize'],
})

/** The params of a route of one kind. What cannot be a kind is one that is not there. */
export const KindParams = Type.Object({ kind: Type.String({ description: 'A kind of task.' }) })

/** A kind of task for workers outside, as it is declared. */
export const NewTaskKind = Type.Object(
  {
    kind: DeclaredKind,
    description: Type.Optional(Type.String({ maxLength: 500, examples: ['Makes an image smaller.'] })),
    inputSchema: Type.Unknown({
      description:
        'JSON Schema of the input, up to 16 KiB: the keywords for types, ranges, lengths, `enum`, `format`, `properties`, `items`, `anyOf`, `oneOf`, `allOf`, `not`. No `$ref` and no `pattern`.',
      examples: [{ type: 'object', required: ['url'], properties: { url: { type: 'string', format: 'uri' } } }],
    }),
    timeoutSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 86_400,
        description: 'How long one attempt may take, whatever its worker says. Default one hour.',
        examples: [600],
      }),
    ),
    leaseSeconds: Type.Optional(
      Type.Integer({
        minimum: 5,
        maximum: 3_600,
        description: 'For so long a task is held without a heartbeat; then somebody else gets it. Default 60.',
        examples: [60],
      }),
    ),
    retries: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100,
        description: 'How often it is tried again. Default 8.',
        examples: [3],
      }),
    ),
    maxInputBytes: Type.Optional(
      Type.Integer({ minimum: 2, maximum: 262_144, description: 'The largest input, as JSON. Default 262144.' }),
    ),
  },
  { additionalProperties: false, title: 'NewTaskKind' },
)

/** What a worker outside asks for. */
export const TaskClaim = Type.Object(
  {
    kinds: Type.Optional(
      Type.Array(Kind, { minItems: 1, maxItems: 100, description: 'Which kinds. Default: all that are declared.' }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 50, description: 'At most so many tasks. Default 1.', examples: [1] }),
    ),
    waitSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 30,
        description: 'When there is none, how long to wait for one. Default 0.',
        examples: [25],
      }),
    ),
    claimKey: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        writeOnly: true,
        description:
          'Names this claim, best by a UUID. Whoever does not get the answer sends the claim again with the same one, and gets what it was given, as long as it is held. A new claim needs a new one.',
        examples: ['0d3b9a5e-6b1f-4a39-9f0e-5a1d5c9e7b42'],
      }),
    ),
  },
  { additionalProperties: false, title: 'TaskClaim' },
)

const Lease = {
  leaseUntil: {
    ...Timestamp,
    description: 'Send a heartbeat before this time, or somebody else gets the task.',
  } as typeof Timestamp,
  endsAt: { ...Timestamp, description: 'The attempt fails when it takes longer.' } as typeof Timestamp,
}

/** A task that a worker outside has claimed. */
export const ClaimedTask = Type.Object(
  {
    id: Id,
    kind: Kind,
    attempt: Type.Integer({ minimum: 1, description: 'Names this attempt: whatever is said of it has to say it.' }),
    input: Type.Unknown({ examples: [{ url: 'https://example.com/photo.jpg' }] }),
    createdAt: Timestamp,
    ...Lease,
  },
  { additionalProperties: false, title: 'ClaimedTask' },
)

/** What a heartbeat answers. */
export const TaskLease = Type.Object(
  {
    ...Lease,
    cancelRequested: Type.Boolean({
      description: 'Somebody wants the task to be cancelled: stop, and say that it failed.',
    }),
  },
  { additionalProperties: false, title: 'TaskLease' },
)

const Attempt = Type.Integer({
  minimum: 1,
  maximum: 2_147_483_647,
  description: 'As the claim has said.',
  examples: [1],
})

/** What a heartbeat says. */
export const TaskHeartbeat = Type.Object(
  {
    attempt: Attempt,
    progress: Type.Optional(
      Type.Object(
        {
          fraction: Type.Number({ minimum: 0, maximum: 1, examples: [0.5] }),
          note: Type.Optional(Type.String({ maxLength: 200, description: 'For people.', examples: ['3 of 6'] })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, title: 'TaskHeartbeat' },
)

/** What a worker says at the end. */
export const TaskCompletion = Type.Object(
  {
    attempt: Attempt,
    result: Type.Optional(Type.Unknown({ description: 'JSON, up to 256 KiB.', examples: [{ bytes: 18_231 }] })),
  },
  { additionalProperties: false, title: 'TaskCompletion' },
)

/** What a worker says when it could not do it. */
export const FailedAttempt = Type.Object(
  {
    attempt: Attempt,
    message: Type.String({ minLength: 1, maxLength: 1_000, examples: ['the image is broken'] }),
    code: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['image_broken'] })),
    retry: Type.Optional(Type.Boolean({ description: 'false: it is given up. Default true: as its kind says.' })),
    retryAfterSeconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 604_800,
        description: 'When to try again. Default: after a while that grows with each failure.',
        examples: [60],
      }),
    ),
  },
  { additionalProperties: false, title: 'FailedAttempt' },
)
