import { Type } from 'typebox'

const NOTE_MAX = 500

/** A blocked host as the API shows it. */
export const BlockedHost = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'UUIDv7.' }),
    host: Type.String({
      description: 'In Punycode and lower case; what is below it is meant too.',
      examples: ['bad.example'],
    }),
    note: Type.Union([Type.String({ maxLength: NOTE_MAX }), Type.Null()], { examples: ['Phishing, March.'] }),
    createdAt: Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' }),
    createdBy: Type.String({ examples: ['apiKey:019b76da-a800-7000-8000-000000000002'] }),
  },
  { additionalProperties: false, title: 'LinkBlockedHost' },
)

/** What a blocked host is made from. */
export const NewBlockedHost = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'A name, without scheme and port. What is below it is meant too.',
      examples: ['bad.example'],
    }),
    note: Type.Optional(Type.String({ minLength: 1, maxLength: NOTE_MAX, pattern: '\\S' })),
  },
  { additionalProperties: false, title: 'NewLinkBlockedHost' },
)
