import { defineRoute } from '@stoa/http'
import { hasPermission } from '@stoa/kernel'
import { Type } from 'typebox'
import { CONNECT } from '../gate.ts'
import type { Realtime } from '../realtime.ts'

const ChannelKindShown = Type.Object(
  {
    pattern: Type.String({ description: 'The name, with parameters in braces.', examples: ['link:{id}'] }),
    description: Type.String({ examples: ['What happens to one link.'] }),
    permission: Type.String({ description: 'What it needs to be followed.', examples: ['links:read'] }),
    allowed: Type.Boolean({ description: 'Whether this key has that permission.' }),
    events: Type.Array(Type.String(), { description: 'Types of events.', examples: [['link.updated']] }),
    presence: Type.Boolean({ description: 'Whether it tells who follows it.' }),
    messages: Type.Boolean({ description: 'Whether it takes messages.' }),
  },
  { title: 'ChannelKind' },
)

const DESCRIPTION = `Ask for it as a WebSocket (\`Upgrade: websocket\`) and follow channels there; without that header the answer is the list of channels that there are.

Messages are JSON objects, one in each text frame. Who cannot send an \`Authorization\` header, such as a browser, says who it is first:

| to the server | |
| --- | --- |
| \`{"type":"auth","id":1,"token":"stoa_…"}\` | a key |
| \`{"type":"subscribe","id":2,"channel":"links","position":"…"}\` | \`position\`: the last one that was seen; everything behind it comes. Without it: from now on |
| \`{"type":"unsubscribe","id":3,"channel":"links"}\` | |
| \`{"type":"members","id":3,"channel":"…"}\` | who is in a channel; with \`"presence":true\` in \`subscribe\` changes come by themselves |
| \`{"type":"message","id":4,"channel":"…","data":{}}\` | where a channel takes messages |
| \`{"type":"ping","id":5}\` | |

| from the server | |
| --- | --- |
| \`welcome\` | it knows who you are |
| \`subscribed\` | with the \`position\` from which on everything comes |
| \`events\` | \`channel\` and \`events\`, oldest first, each with its \`position\` |
| \`tick\` | you stand at \`position\` in all channels: nothing has happened for a while |
| \`resync\` | what was missed cannot be told (\`too_old\`, \`unknown\`, \`too_slow\`): read anew what you show; from \`position\` on everything comes |
| \`unsubscribed\` | also when the permission was lost, with a \`code\` |
| \`members\`, \`presence\` | who is in a channel; who \`joined\` and who \`left\` |
| \`accepted\`, \`pong\`, \`error\` | answers, with the \`id\` that was sent |

The reason of the close frame is JSON: a \`code\`, and where it makes sense \`retryMs\`, when to come back.`

/** `GET /api/v1/realtime` */
export function listChannels(realtime: Realtime) {
  return defineRoute({
    method: 'GET',
    url: '/api/v1/realtime',
    operationId: 'listChannels',
    tags: ['Realtime'],
    summary: 'Follow channels by WebSocket, or list them',
    description: DESCRIPTION,
    permission: CONNECT,
    upgrade: (_ctx, connection) => realtime.accept(connection),
    schema: { response: { 200: Type.Object({ data: Type.Array(ChannelKindShown) }, { title: 'ChannelKinds' }) } },
    handler(ctx) {
      const data = realtime.kinds.map(({ pattern, description, permission, events, presence = false, messages }) => {
        const allowed = hasPermission(ctx, permission)
        return {
          pattern,
          description,
          permission,
          allowed,
          events: [...events],
          presence,
          messages: messages !== undefined,
        }
      })
      return { data }
    },
  })
}
