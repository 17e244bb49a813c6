import { Type } from 'typebox'

const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })

/** A host for the issuer as the API shows it. */
export const IssuerHost = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'UUIDv7.' }),
    host: Type.String({ description: 'In Punycode and lower case.', examples: ['id.example.com'] }),
    status: Type.Union([Type.Literal('pending'), Type.Literal('verified'), Type.Literal('active')], {
      description: '`active`: the issuer is there, and nowhere else.',
    }),
    issuer: Type.String({
      description: 'What the issuer is called while the host is active.',
      examples: ['https://id.example.com'],
    }),
    proof: Type.Object(
      {
        name: Type.String({ examples: ['_stoa-identity.id.example.com'] }),
        type: Type.Literal('TXT'),
        value: Type.String({ examples: ['stoa-identity=0123456789abcdef0123456789abcdef'] }),
      },
      { additionalProperties: false, description: 'What has to stand in DNS, for as long as the host is used.' },
    ),
    verifiedAt: Type.Union([Time, Type.Null()]),
    version: Type.Integer({ minimum: 1, description: 'Grows with each change; the ETag is made of it.' }),
    createdAt: Time,
    updatedAt: Time,
    createdBy: Type.String({ examples: ['apiKey:019b76da-a800-7000-8000-000000000002'] }),
  },
  { additionalProperties: false, title: 'IssuerHost' },
)

/** All of a tenant: they are few. */
export const IssuerHosts = Type.Object(
  {
    issuer: Type.String({ description: 'Where the issuer is now.', examples: ['https://stoa.example.org/t/acme'] }),
    items: Type.Array(IssuerHost),
  },
  { additionalProperties: false, title: 'IssuerHosts' },
)

/** What a new host is made from. */
export const NewIssuerHost = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'A name on the public internet that leads here, without scheme and port.',
      examples: ['id.example.com'],
    }),
  },
  { additionalProperties: false, title: 'NewIssuerHost' },
)
