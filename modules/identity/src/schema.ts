import { Id, Nullable, OneOf, Timestamp } from '@stoa/http'
import { actorTypes } from '@stoa/kernel'
import { Type } from 'typebox'

const closed = { additionalProperties: false }

const settings = {
  registration: OneOf(['closed', 'open'], {
    description: '`open`: anybody whose address receives mail may register, and becomes a member. Default `closed`.',
  }),
  displayName: Nullable(
    Type.String({
      minLength: 1,
      maxLength: 100,
      pattern: '\\S',
      examples: ['Acme'],
      description: 'Default: the name of the organisation.',
    }),
  ),
  color: Nullable(
    Type.String({
      pattern: '^#[0-9a-f]{6}$',
      examples: ['#0b5fff'],
      description: 'Of buttons. Their text is black or white, whichever can be read on it.',
    }),
  ),
  logoUrl: Nullable(
    Type.String({
      pattern: '^https://[^\\s"\'<>;,\\\\]{1,990}$',
      maxLength: 1_000,
      examples: ['https://example.org/logo.svg'],
      description: 'A picture, by https. Browsers load it from there.',
    }),
  ),
}

/** How the pages of a tenant look, and who may register. */
export const SignInSettings = Type.Object(
  {
    ...settings,
    version: Type.Integer({ minimum: 0, description: '0: nobody has set anything.' }),
    updatedAt: Type.Union([Timestamp, Type.Null()]),
  },
  { ...closed, title: 'SignInSettings' },
)

/** What they are to be; all of them. */
export const SignInSettingsChange = Type.Object(
  {
    registration: Type.Optional(settings.registration),
    displayName: Type.Optional(settings.displayName),
    color: Type.Optional(settings.color),
    logoUrl: Type.Optional(settings.logoUrl),
  },
  { ...closed, title: 'SignInSettingsChange' },
)

/** Where somebody is signed in. */
export const Session = Type.Object(
  {
    id: Id,
    name: Nullable(Type.String({ examples: ['Kitchen laptop'] })),
    device: Type.String({ examples: ['Firefox on Linux'] }),
    addressPrefix: Type.String({ description: 'The network that it began in.', examples: ['203.0.113.0/24'] }),
    amr: Type.Array(Type.String(), { description: 'How (RFC 8176).', examples: [['pwd']] }),
    acr: Type.String({ description: '`1`: one factor. `2`: two, or a passkey.', examples: ['1'] }),
    authTime: Timestamp,
    seenAt: Timestamp,
    endsAt: Timestamp,
    createdAt: Timestamp,
  },
  { ...closed, title: 'Session' },
)

/** What it is called; null: by its browser. */
export const SessionChange = Type.Object(
  { name: Nullable(Type.String({ minLength: 1, maxLength: 100, pattern: '\\S', examples: ['Kitchen laptop'] })) },
  { ...closed, title: 'SessionChange' },
)

const Organisation = Type.Object(
  {
    id: Id,
    slug: Type.String({ examples: ['acme'] }),
    name: Type.String({ examples: ['Acme'] }),
    roles: Type.Array(Type.String(), { examples: [['member']] }),
    status: OneOf(['active', 'suspended'], { examples: ['active'] }),
    isCurrent: Type.Boolean({ description: 'The one that the token or the key is for.' }),
    url: Type.String({
      description: 'Its pages: whoever is signed in is there, too.',
      examples: ['https://stoa.example.org/t/acme/home'],
    }),
    joinedAt: Timestamp,
  },
  { ...closed, title: 'Organisation' },
)

/** What somebody belongs to. */
export const Organisations = Type.Object({ data: Type.Array(Organisation) }, { ...closed, title: 'Organisations' })

/** Where somebody is signed in, everywhere. */
export const Sessions = Type.Object({ data: Type.Array(Session) }, { ...closed, title: 'Sessions' })

const Person = Type.Object(
  {
    id: Id,
    email: Type.String({ examples: ['ann@example.org'] }),
    name: Type.String({ examples: ['Ann'] }),
    locale: Type.String({ examples: ['en'] }),
    createdAt: Timestamp,
  },
  { ...closed, title: 'Person' },
)

/** All that is kept about somebody. */
export const ExportedData = Type.Object(
  {
    madeAt: Timestamp,
    person: Type.Object({}, { additionalProperties: true }),
    events: Type.Object({}, { additionalProperties: true, description: 'By organisation, the newest first.' }),
    notIncluded: Type.Array(Type.String(), { description: 'What is kept elsewhere, or is not shown, in words.' }),
  },
  {
    additionalProperties: true,
    title: 'ExportedData',
    examples: [{ madeAt: '2026-01-02T03:04:05.678Z', person: {}, events: {}, notIncluded: ['Secrets'] }],
  },
)

/** Who asks. */
export const Me = Type.Object(
  {
    actor: Type.Object(
      {
        type: OneOf(actorTypes, { examples: ['person'] }),
        id: Type.String({ examples: ['019b76da-a800-7000-8000-000000000002'] }),
      },
      closed,
    ),
    person: Type.Union([Person, Type.Null()], { examples: [null] }),
  },
  { ...closed, title: 'Me' },
)
