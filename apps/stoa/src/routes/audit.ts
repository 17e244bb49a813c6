import { defineRoute, Nullable, OneOf, PageOf, Timestamp, TimestampInput } from '@stoa/http'
import type { Journal } from '@stoa/journal'
import { actorTypes } from '@stoa/kernel'
import { Type } from 'typebox'

const AuditEvent = Type.Object(
  {
    id: Type.Integer({ description: 'Unique in the installation.' }),
    type: Type.String({ description: 'What happened.', examples: ['link.created'] }),
    version: Type.Integer({ description: 'Version of the shape of `data`.' }),
    subjects: Type.Array(Type.String(), {
      description: 'What it happened to, `kind:id`, the main one first.',
      examples: [['link:019b76da-a800-7000-8000-000000000001']],
    }),
    actor: Type.Object(
      {
        type: OneOf(actorTypes, { examples: ['apiKey'] }),
        id: Type.String({ examples: ['019b76da-a800-7000-8000-000000000002'] }),
      },
      { description: 'Who did it.' },
    ),
    place: Nullable(
      Type.Object(
        {
          addressPrefix: Type.String({
            description: 'The /24 of an IPv4 address, the /48 of an IPv6 one; empty when unknown.',
            examples: ['203.0.113.0/24'],
          }),
          device: Type.String({
            description: 'The browser or program and the system, as the user agent names them.',
            examples: ['Firefox on Linux'],
          }),
        },
        {
          description:
            'Where the request came from: kept for what gives or takes access, or changes who may. null for everything else, and for what a command or a job did.',
        },
      ),
    ),
    requestId: Type.String({ examples: ['019b76da-a800-7000-8000-000000000003'] }),
    traceId: Nullable(Type.String({ examples: ['0af7651916cd43dd8448eb211c80319c'] })),
    at: Timestamp,
    data: Type.Object({}, { additionalProperties: true, examples: [{ code: 'k3Xw9Qz' }] }),
  },
  { title: 'AuditEvent' },
)

/** `GET /api/v1/audit` */
export function listAuditEvents(journal: Journal) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/audit',
    operationId: 'listAuditEvents',
    tags: ['Audit'],
    summary: 'Read the audit trail',
    description:
      'Who did what, when: every event of the organisation, newest first. Filters are combined. `type` alone walks through everything that is kept: give a time range with it.',
    permission: 'audit:read',
    list: { sorts: ['-at'] },
    schema: {
      querystring: Type.Object({
        subject: Type.Optional(
          Type.String({ minLength: 1, maxLength: 200, description: 'What it happened to: `link:<id>`.' }),
        ),
        actor: Type.Optional(
          Type.String({ minLength: 1, maxLength: 200, description: 'Id of who did it, such as a key.' }),
        ),
        type: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: '`link.created`' })),
        after: Type.Optional({ ...TimestampInput, description: 'At this time or later.' }),
        before: Type.Optional({ ...TimestampInput, description: 'Before this time.' }),
      }),
      response: { 200: PageOf(AuditEvent) },
    },
    async handler(ctx, { query, page }) {
      const { subject, actor, type, after, before } = query
      const { events, nextCursor } = await journal.audit(ctx, {
        ...{ subject, actor, type, limit: page.limit },
        after: after === undefined ? undefined : new Date(after),
        before: before === undefined ? undefined : new Date(before),
        cursor: page.after === null ? undefined : String(page.after[0]),
      })
      const data = events.map((event) => ({ ...event, subjects: [...event.subjects] }))
      return page.upTo(data, nextCursor === null ? null : [nextCursor])
    },
  })
}
