import { Nullable, OneOf, Timestamp } from '@stoa/http'
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
