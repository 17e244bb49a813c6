import { OneOf } from '@stoa/http'
import { Type } from 'typebox'
import { Link, LinkChange, NewLink } from '../schema.ts'

/** Most rows of one call. */
const BULK_MAX = 1_000
/** Longest body of one call. */
export const BULK_BYTES = 4_194_304

/** Links to make. */
export const NewLinks = Type.Object(
  { links: Type.Array(NewLink, { minItems: 1, maxItems: BULK_MAX }) },
  { additionalProperties: false, title: 'NewLinks' },
)

/** Links to change. */
export const LinkChanges = Type.Object(
  {
    links: Type.Array(
      Type.Object(
        {
          id: Type.String({ format: 'uuid', description: 'UUIDv7.' }),
          version: Type.Optional(Type.Integer({ minimum: 1, description: 'The version that is meant. Default: any.' })),
          change: LinkChange,
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: BULK_MAX },
    ),
  },
  { additionalProperties: false, title: 'LinkChanges' },
)

const Index = Type.Integer({ minimum: 0, description: 'Its place in the list that was sent.' })
const Field = Type.Object(
  { pointer: Type.String(), code: Type.String(), message: Type.String() },
  { additionalProperties: false },
)

/** What became of them. */
export const BulkReport = Type.Object(
  {
    done: Type.Integer({ minimum: 0 }),
    refused: Type.Integer({ minimum: 0 }),
    results: Type.Array(
      Type.Object(
        {
          index: Index,
          outcome: OneOf(['done', 'refused']),
          link: Type.Optional(Link),
          code: Type.Optional(Type.String({ description: 'Why it was refused.', examples: ['slug_taken'] })),
          message: Type.Optional(Type.String()),
          fields: Type.Optional(Type.Array(Field)),
        },
        { additionalProperties: false },
      ),
      { description: 'One for each row, in their order.' },
    ),
  },
  { additionalProperties: false, title: 'BulkReport' },
)
