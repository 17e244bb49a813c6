import { Id, OneOf, Timestamp } from '@stoa/http'
import { Type } from 'typebox'
import type { ProviderKind } from './provider-store.ts'

const closed = { additionalProperties: false }
const KINDS: readonly ProviderKind[] = ['openid', 'google', 'microsoft', 'github']

const fields = {
  kind: OneOf(KINDS, {
    description: '`openid`: any OpenID provider. `github`: github.com, or a GitHub Enterprise Server.',
  }),
  name: Type.String({
    ...{ minLength: 1, maxLength: 100, pattern: '\\S', examples: ['Google'] },
    description: 'What people read on the button.',
  }),
  issuer: Type.String({
    ...{ minLength: 1, maxLength: 1_000, examples: ['https://accounts.google.com'] },
    description:
      'Who says who people are, by https. `openid` needs one; the others have one. Of `microsoft` it names the directory: `https://login.microsoftonline.com/<tenant>/v2.0`; default `organizations`.',
  }),
  clientId: Type.String({ minLength: 1, maxLength: 500, pattern: '^[\\x21-\\x7E]+$', examples: ['stoa.example.org'] }),
  enabled: Type.Boolean({ description: 'Whether people may sign in by it. Default true.' }),
}
const clientSecret = Type.String({
  ...{ minLength: 1, maxLength: 1_000, pattern: '^[\\x21-\\x7E]+$', examples: ['GOCSPX-q83vEjRWeJCrze8S'] },
  description: 'Kept encrypted, and never shown again.',
  writeOnly: true,
})

/** Whom people may sign in by, as the API shows it. */
export const IdentityProvider = Type.Object(
  {
    id: Id,
    ...fields,
    redirectUri: Type.String({
      description:
        'Where people come back to: the provider has to be told. Where the issuer is at a host of its own, it is there; who signs in at the installation’s pages comes back to those.',
      examples: ['https://stoa.example.org/t/acme/with/019b76da-a800-7000-8000-000000000002/callback'],
    }),
    version: Type.Integer({ minimum: 1 }),
    createdBy: Type.String({ examples: ['person:019b76da-a800-7000-8000-000000000002'] }),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { ...closed, title: 'IdentityProvider' },
)

/** All of them. */
export const IdentityProviders = Type.Object(
  { items: Type.Array(IdentityProvider) },
  { ...closed, title: 'IdentityProviders' },
)

/** What a new one is. */
export const NewIdentityProvider = Type.Object(
  {
    clientId: fields.clientId,
    clientSecret,
    kind: fields.kind,
    name: fields.name,
    issuer: Type.Optional(fields.issuer),
    enabled: Type.Optional(fields.enabled),
  },
  { ...closed, title: 'NewIdentityProvider' },
)

/** What may be changed of one; what is absent stays. */
export const IdentityProviderChange = Type.Object(
  {
    name: Type.Optional(fields.name),
    issuer: Type.Optional(fields.issuer),
    clientId: Type.Optional(fields.clientId),
    clientSecret: Type.Optional(clientSecret),
    enabled: Type.Optional(fields.enabled),
  },
  { ...closed, minProperties: 1, title: 'IdentityProviderChange' },
)
