import { Type } from 'typebox'
import { TARGET_MAX } from '../targets/target-url.ts'

const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })
const Destination = (description: string) =>
  Type.Union([Type.String({ minLength: 1, maxLength: TARGET_MAX }), Type.Null()], {
    description,
    examples: ['https://example.com/'],
  })
const RootTarget = Destination('Where the host itself leads; null: nowhere.')
const NotFoundTarget = Destination('Where codes lead that do not exist; null: a page says so.')

/** A host for short links as the API shows it. */
export const LinkDomain = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'UUIDv7.' }),
    host: Type.String({ description: 'In Punycode and lower case.', examples: ['go.example.com'] }),
    status: Type.Union([Type.Literal('pending'), Type.Literal('verified')], {
      description: 'Links are followed on a verified host alone.',
    }),
    proof: Type.Object(
      {
        name: Type.String({ examples: ['_stoa-links.go.example.com'] }),
        type: Type.Literal('TXT'),
        value: Type.String({ examples: ['stoa-links=0123456789abcdef0123456789abcdef'] }),
      },
      { additionalProperties: false, description: 'What has to stand in DNS.' },
    ),
    rootTarget: RootTarget,
    notFoundTarget: NotFoundTarget,
    verifiedAt: Type.Union([Time, Type.Null()]),
    version: Type.Integer({ minimum: 1, description: 'Grows with each change; the ETag is made of it.' }),
    createdAt: Time,
    updatedAt: Time,
    createdBy: Type.String({ examples: ['apiKey:019b76da-a800-7000-8000-000000000002'] }),
  },
  { additionalProperties: false, title: 'LinkDomain' },
)

/** What a new host is made from. */
export const NewLinkDomain = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'A name on the public internet that leads here, without scheme and port.',
      examples: ['go.example.com'],
    }),
    rootTarget: Type.Optional(RootTarget),
    notFoundTarget: Type.Optional(NotFoundTarget),
  },
  { additionalProperties: false, title: 'NewLinkDomain' },
)

/** What may be changed of a host. What is absent stays as it is. */
export const LinkDomainChange = Type.Object(
  { rootTarget: Type.Optional(RootTarget), notFoundTarget: Type.Optional(NotFoundTarget) },
  { additionalProperties: false, minProperties: 1, title: 'LinkDomainChange' },
)
