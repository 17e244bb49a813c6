/*
 * The parts of the OpenAPI document that operations share.
 */
import { STATUS_CODES } from 'node:http'
import { type ErrorSpec, StoaError } from '@stoa/kernel'
import { isVersioned } from './etag.ts'
import { type Problem, titleOf } from './problem.ts'
import { type Dialect, isTransactional, type Route } from './route.ts'

/** JSON. */
export type JsonObject = Record<string, unknown>

const text = { type: 'string' }

const problem: JsonObject = {
  type: 'object',
  description: 'RFC 9457. `code` is stable; texts may change.',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string', description: '`urn:stoa:error:<code>`', examples: ['urn:stoa:error:not_found'] },
    title: text,
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: text,
    code: { $ref: '#/components/schemas/ErrorCode' },
    requestId: { type: 'string', description: 'Quote it when asking for help.' },
    errors: { type: 'array', items: { $ref: '#/components/schemas/FieldError' }, description: 'The fields at fault.' },
  },
}

const fieldError: JsonObject = {
  type: 'object',
  required: ['pointer', 'code', 'message'],
  properties: {
    pointer: { type: 'string', description: 'JSON pointer from the request.', examples: ['/body/name'] },
    code: { type: 'string', examples: ['too_long'] },
    message: text,
  },
}

/** What stands under `components`. */
export const components = {
  schemas: (codes: ReadonlyMap<string, ErrorSpec>): JsonObject => ({
    ErrorCode: { type: 'string', enum: [...codes.keys()].sort() },
    FieldError: fieldError,
    Problem: problem,
  }),
  headers: {
    CacheControl: {
      description: 'Whoever asked may keep the answer, and asks each time whether it still holds (`If-None-Match`).',
      schema: { type: 'string', enum: ['private, no-cache'] },
    },
    ETag: { description: 'The version of the resource, for `If-Match`.', schema: text },
    IdempotentReplayed: {
      description: '`true`: this answer was kept from the first request with this key.',
      schema: text,
    },
    Location: { description: 'Where the new resource is, or where to go.', schema: text },
    RateLimit: { description: 'What is left of each limit: `"default";r=599;t=1, "tenant";r=5999;t=1`.', schema: text },
    RateLimitPolicy: { description: 'The limits: `"default";q=600;w=6, "tenant";q=6000;w=6`.', schema: text },
    RetryAfter: { description: 'Seconds after which to try again.', schema: { type: 'integer' } },
    XCache: {
      description:
        'How the answer came: kept (`hit`), read (`miss`), kept for longer than it should be and being read anew (`stale`), read past the cache (`bypass`).',
      schema: { type: 'string', enum: ['hit', 'miss', 'stale', 'bypass'] },
    },
    RequestId: { description: 'The id of the request: the one that was sent, or a new one.', schema: text },
  },
  parameters: {
    CacheControl: {
      name: 'Cache-Control',
      in: 'header',
      required: false,
      description:
        '`no-cache`: read anew. What is kept is dropped by each change: at once in the process that made it, and in the others as soon as they hear of it.',
      schema: text,
      example: 'no-cache',
    },
    IdempotencyKey: {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description:
        'Any text of 1–255 visible ASCII characters, new for each intention: a UUID. The same request with the same key is carried out ' +
        'once and answered alike for 24 hours; another request with it is refused. A request that failed may be sent again.',
      schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
    },
    IfMatch: {
      name: 'If-Match',
      in: 'header',
      required: true,
      description: 'The `ETag` that was read, or `*` for any version. 428 without, 412 when it is another one now.',
      schema: text,
      example: '"3"',
    },
    IfMatchWhenSent: {
      name: 'If-Match',
      in: 'header',
      required: false,
      description:
        'The `ETag` that was read of what the path names: 412 when it is another one now. Without it any version will do.',
      schema: text,
      example: '"3"',
    },
    IfNoneMatch: {
      name: 'If-None-Match',
      in: 'header',
      required: false,
      description: 'The `ETag` that the caller has: 304 without a body when it is the present one.',
      schema: text,
      example: '"3"',
    },
  },
} as const

type HeaderName = readonly [header: string, component: string]
const ALWAYS: readonly HeaderName[] = [
  ['X-Request-Id', 'RequestId'],
  ['RateLimit', 'RateLimit'],
  ['RateLimit-Policy', 'RateLimitPolicy'],
]
const CACHED: readonly HeaderName[] = [
  ['X-Cache', 'XCache'],
  ['Cache-Control', 'CacheControl'],
]

/** The response for whoever has the present version. */
export function notModified({ cached }: Pick<Route, 'cached'>): JsonObject {
  return {
    description: 'The caller has the present version.',
    headers: references([...ALWAYS, ...(cached ? CACHED : []), ['ETag', 'ETag']]),
  }
}

/** The headers of a success. */
export function successHeaders(route: Route, status: number): JsonObject {
  const names = [...ALWAYS, ...(route.cached ? CACHED : [])]
  if (status === 201 || status === 202 || (status >= 300 && status !== 304)) names.push(['Location', 'Location'])
  if (isVersioned(route.schema.response[status])) names.push(['ETag', 'ETag'])
  if (isTransactional(route)) names.push(['Idempotent-Replayed', 'IdempotentReplayed'])
  return references(names)
}

/** The response for these errors of one status. */
export function problemResponse(status: number, specs: readonly ErrorSpec[], dialect?: Dialect) {
  const names: HeaderName[] = [['X-Request-Id', 'RequestId']]
  if (specs.some((spec) => new StoaError(spec).retryable)) names.push(['Retry-After', 'RetryAfter'])
  if (status === 429) names.push(['RateLimit', 'RateLimit'], ['RateLimit-Policy', 'RateLimitPolicy'])
  const enumerated = { type: 'object', properties: { code: { type: 'string', enum: specs.map(({ code }) => code) } } }
  return {
    description:
      specs.map(({ code, message }) => `\`${code}\`: ${message}`).join('\n\n') ||
      (STATUS_CODES[status] ?? 'A problem.'),
    headers: references(names),
    content: dialect
      ? problemIn(dialect, specs, status)
      : {
          'application/problem+json': {
            schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, enumerated] },
            examples: Object.fromEntries(specs.map((spec) => [spec.code, { value: example(spec, status) }])),
          },
        },
  }
}

/** As another standard says it. */
function problemIn({ mediaType, problem, problemSchema }: Dialect, specs: readonly ErrorSpec[], status: number) {
  const examples = Object.fromEntries(specs.map((spec) => [spec.code, { value: problem(example(spec, status)) }]))
  return { [mediaType]: { schema: JSON.parse(JSON.stringify(problemSchema)) as JsonObject, examples } }
}

function references(names: readonly HeaderName[]): JsonObject {
  return Object.fromEntries(names.map(([header, name]) => [header, { $ref: `#/components/headers/${name}` }]))
}

function example({ code, message }: ErrorSpec, status: number): Problem {
  return {
    type: `urn:stoa:error:${code}`,
    title: titleOf(code),
    status,
    detail: message,
    code,
    requestId: '019b76da-a800-7000-8000-000000000000',
  }
}
