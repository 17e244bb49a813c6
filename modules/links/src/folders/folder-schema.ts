import { Type } from 'typebox'

/** Longest name, in characters. */
const NAME_MAX = 100

const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })
const Name = Type.String({
  minLength: 1,
  maxLength: NAME_MAX,
  pattern: '\\S',
  description: 'No two folders have the same one, in any case.',
  examples: ['Spring 2026'],
})

/** A folder as the API shows it. */
export const LinkFolder = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'UUIDv7.' }),
    name: Name,
    version: Type.Integer({ minimum: 1, description: 'Grows with each change; the ETag is made of it.' }),
    createdAt: Time,
    updatedAt: Time,
    createdBy: Type.String({ examples: ['apiKey:019b76da-a800-7000-8000-000000000002'] }),
  },
  { additionalProperties: false, title: 'LinkFolder' },
)

/** What a folder is made from. */
export const NewLinkFolder = Type.Object({ name: Name }, { additionalProperties: false, title: 'NewLinkFolder' })

/** What may be changed of a folder. */
export const LinkFolderChange = Type.Object(
  { name: Type.Optional(Name) },
  { additionalProperties: false, minProperties: 1, title: 'LinkFolderChange' },
)
