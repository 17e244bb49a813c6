import { defineRoute, EVENT_STREAM } from '@stoa/http'
import { Type } from 'typebox'
import { CONNECT } from '../gate.ts'
import type { Realtime } from '../realtime.ts'

const DESCRIPTION = `Server-sent events of up to a hundred channels in one answer, in their order. Each message is a JSON object with a \`type\`:

| type | |
| --- | --- |
| \`open\` | first of all |
| \`event\` | \`channel\` and \`event\`, as in the WebSocket |
| \`resync\` | what was missed cannot be told: read anew what you show |
| \`close\` | why the answer ends, when the server ends it |

The \`id\` of a message is a position: send the last one as \`Last-Event-ID\` to go on from there without a gap and without a repeat, on any node. One that is too old,
or none of ours, gives a \`resync\` and no error. A comment comes every 15 seconds.`

/** `GET /api/v1/events` */
export function streamEvents(realtime: Realtime) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/events',
    operationId: 'streamEvents',
    tags: ['Realtime'],
    summary: 'Follow channels by server-sent events',
    description: DESCRIPTION,
    permission: CONNECT,
    errors: ['channel_unknown', 'too_many_channels', 'too_many_connections'],
    schema: {
      querystring: Type.Object({
        channels: Type.String({
          minLength: 1,
          maxLength: 4_000,
          description: 'Names of channels, separated by commas.',
          examples: ['links'],
        }),
        position: Type.Optional(
          Type.String({ maxLength: 64, description: 'The same as `Last-Event-ID`, which comes before it.' }),
        ),
        follow: Type.Boolean({
          default: true,
          description: '`false`: what has happened since the position, and then the end.',
        }),
      }),
      headers: Type.Object({
        'last-event-id': Type.Optional(Type.String({ description: 'The `id` of the last message that was seen.' })),
      }),
      response: {
        200: {
          description: 'Messages, until one side ends it.',
          content: { [EVENT_STREAM]: { schema: Type.String() } },
        },
      },
    },
    handler(ctx, { headers, query }, reply) {
      const names = query.channels.split(',').map((name) => name.trim())
      const lastEventId = headers['last-event-id'] ?? query.position
      return realtime.stream(ctx, reply, { channels: names, lastEventId, permission: CONNECT, follow: query.follow })
    },
  })
}
