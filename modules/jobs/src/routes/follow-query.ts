import { Type } from 'typebox'

/** How to follow. */
export const FollowQuery = Type.Object({
  position: Type.Optional(
    Type.String({ maxLength: 64, description: 'The same as `Last-Event-ID`, which comes before it.' }),
  ),
  follow: Type.Boolean({
    default: true,
    description: '`false`: what has happened since the position, and then the end.',
  }),
})

/** Where the caller stood. */
export const LastEventId = Type.Object({
  'last-event-id': Type.Optional(Type.String({ description: 'The `id` of the last message that was seen.' })),
})
