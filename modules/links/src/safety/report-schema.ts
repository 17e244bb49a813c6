import { OneOf } from '@stoa/http'
import { Type } from 'typebox'
import { REASONS } from './takedown.ts'

/** Longest address that is reported, in characters. */
export const ADDRESS_MAX = 2_048
/** Longest text of who reports, in characters. */
export const DETAILS_MAX = 2_000
const CONTACT_MAX = 254

/** What somebody who followed a link says of it. */
export const NewReport = Type.Object(
  {
    link: Type.String({
      minLength: 1,
      maxLength: ADDRESS_MAX,
      description: 'The short address.',
      examples: ['https://stoa.example.org/l/k3Xw9Qz'],
    }),
    reason: OneOf(REASONS),
    details: Type.Optional(Type.String({ maxLength: DETAILS_MAX, examples: ['It asks for the password of my bank.'] })),
    contact: Type.Optional(
      Type.String({
        maxLength: CONTACT_MAX,
        description: 'Where to ask back, if you like.',
        examples: ['me@example.com'],
      }),
    ),
  },
  { additionalProperties: false, title: 'NewLinkReport' },
)

const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })

/** A report as the API shows it. */
export const LinkReport = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'UUIDv7.' }),
    linkId: Type.String({ format: 'uuid' }),
    reason: OneOf(REASONS),
    details: Type.Union([Type.String(), Type.Null()]),
    contact: Type.Union([Type.String(), Type.Null()]),
    state: OneOf(['open', 'upheld', 'dismissed'], { description: 'A takedown upholds the open reports of its link.' }),
    createdAt: Time,
    settledAt: Type.Union([Time, Type.Null()]),
    settledBy: Type.Union([Type.String(), Type.Null()], { examples: ['apiKey:019b76da-a800-7000-8000-000000000002'] }),
  },
  { additionalProperties: false, title: 'LinkReport' },
)

/** The filters of the list. */
export const ReportQuery = Type.Object({
  linkId: Type.Optional(Type.String({ format: 'uuid', description: 'Of this link.' })),
  state: Type.Optional(OneOf(['open', 'upheld', 'dismissed'])),
})
