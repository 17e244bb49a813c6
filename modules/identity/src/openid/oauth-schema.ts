import { Id, Nullable, OneOf, Timestamp } from '@stoa/http'
import { Type } from 'typebox'
import type { OAuthClientRow } from './oauth-client-store.ts'
import type { GrantType } from './oauth-clients.ts'
import type { SigningKeySummary } from './signing-keys.ts'

const closed = { additionalProperties: false }

const Name = Type.String({
  minLength: 1,
  maxLength: 200,
  examples: ['Shop'],
  description: 'People see it when they are asked.',
})
const Addresses = (description: string, example: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 2000 }), {
    ...{ maxItems: 50, uniqueItems: true, description, examples: [[example]] },
  })
const GRANTS: readonly GrantType[] = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'device_code',
  'token_exchange',
]
const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const
const SCOPE = '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$'

const Jwks = Type.Object(
  {
    keys: Type.Array(Type.Object({ kty: Type.String({ maxLength: 10 }) }, { additionalProperties: Type.Unknown() }), {
      minItems: 1,
      maxItems: 10,
    }),
  },
  { ...closed, description: 'Public keys (RFC 7517), with `private_key_jwt`.' },
)

const fields = {
  name: Name,
  applicationType: OneOf(['web', 'native'], {
    description:
      '`native`: on a device of its own; it may be sent back to a scheme of its own, or to any port of the device.',
  }),
  authMethod: OneOf(AUTH_METHODS, {
    description: 'How it proves who it is (RFC 7591). `none`: it cannot keep a secret, such as a page in a browser.',
  }),
  jwks: Type.Union([Jwks, Type.Null()], { examples: [null] }),
  grantTypes: Type.Array(OneOf(GRANTS), { minItems: 1, maxItems: GRANTS.length, uniqueItems: true }),
  redirectUris: Addresses(
    'Where people may be sent back to. Compared letter by letter.',
    'https://shop.example.org/callback',
  ),
  postLogoutRedirectUris: Addresses(
    'Where people may be sent to once they have signed out.',
    'https://shop.example.org/',
  ),
  backchannelLogoutUri: Nullable(
    Type.String({
      ...{ minLength: 1, maxLength: 2000, examples: ['https://shop.example.org/signed-out'] },
      description: 'Told when somebody signs out (OpenID Connect Back-Channel Logout 1.0).',
    }),
  ),
  website: Nullable(
    Type.String({
      ...{ minLength: 1, maxLength: 2000, examples: ['https://shop.example.org/'] },
      description: 'By https. People get a link to it when they are asked, and where they see what they have let in.',
    }),
  ),
  scopes: Type.Array(Type.String({ pattern: SCOPE, maxLength: 100 }), {
    ...{ maxItems: 100, uniqueItems: true, examples: [['openid', 'profile', 'links:read']] },
    description:
      'What it may ask for: `openid`, `profile`, `email`, `offline_access`, permissions, and wildcards over them.',
  }),
  resources: Addresses('APIs beside this one that it may ask tokens for (RFC 8707).', 'https://api.example.org/'),
  consent: OneOf(['ask', 'given'], {
    description:
      '`given`: people are not asked, because it is the organisation’s own; but for `identity:self`, which is about them in all organisations.',
  }),
  dpopBound: Type.Boolean({ description: 'It has to bind its tokens to a key (RFC 9449).' }),
  parRequired: Type.Boolean({ description: 'It has to push what it asks for (RFC 9126).' }),
}

/** An application, or a program, as the API shows it. */
export const OAuthClient = Type.Object(
  {
    id: { ...Id, description: 'The `client_id`.' },
    ...fields,
    registered: Type.Boolean({ description: 'It has registered itself (RFC 7591).' }),
    createdBy: Type.String({ examples: ['person:019b76da-a800-7000-8000-000000000002'] }),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    version: Type.Integer({ minimum: 1 }),
  },
  { ...closed, title: 'OAuthClient' },
)

/** One with its secret, which is shown this once. */
export const OAuthClientWithSecret = Type.Object(
  {
    client: OAuthClient,
    secret: Nullable(
      Type.String({
        description: 'The `client_secret`. It is not shown again. null: it has none.',
        examples: ['q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA'],
      }),
    ),
  },
  { ...closed, title: 'OAuthClientWithSecret' },
)

const optional = Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, Type.Optional(schema)])) as {
  [K in keyof typeof fields]: ReturnType<typeof Type.Optional<(typeof fields)[K]>>
}

/** What a new one is. What is absent: a web application with a secret, whose people are asked. */
export const NewOAuthClient = Type.Object({ ...optional, name: Name }, { ...closed, title: 'NewOAuthClient' })

/** What may be changed of one. */
export const OAuthClientChange = Type.Object(optional, { ...closed, title: 'OAuthClientChange' })

/** A row as the API shows it. */
export function shownClient(row: OAuthClientRow) {
  const { secretHash: _secret, ...shown } = row
  return shown as never
}

/** A key that tokens are signed with. */
export const SigningKey = Type.Object(
  {
    kid: Type.String({ examples: ['bWFkZSBvZiBjaGVlc2U'] }),
    alg: OneOf(['ES256', 'EdDSA']),
    state: OneOf(['published', 'signing', 'retiring'], {
      description: '`published`: it is going to sign. `retiring`: it only checks what it has signed.',
    }),
    signsFrom: Timestamp,
    retiresAt: Type.Union([Timestamp, Type.Null()]),
    createdAt: Timestamp,
  },
  { ...closed, title: 'SigningKey' },
)

/** A key as the API shows it. */
export function shownKey(key: SigningKeySummary) {
  return key as never
}

/** An application as somebody sees it who has let it in. */
export const AllowedApplication = Type.Object(
  {
    id: Id,
    name: Type.String({ examples: ['Shop'] }),
    website: Nullable(
      Type.String({
        description: 'As the application says, or whoever added it.',
        examples: ['https://shop.example.org/'],
      }),
    ),
    allowedBy: OneOf(['person', 'organisation'], {
      description: '`organisation`: it has let the application in for everybody, and nobody is asked.',
      examples: ['person'],
    }),
    scopes: Type.Array(Type.String(), { description: 'What it may have.', examples: [['openid', 'email']] }),
    ownScopes: Type.Array(Type.String(), {
      description:
        'What of it you have allowed yourself, and can take back. None: it is all the organisation’s. Of an application that the organisation has let in: your account (`identity:self`), and acting while you are away (`offline_access`).',
      examples: [['openid', 'email']],
    }),
    allowedAt: Timestamp,
    lastUsedAt: Type.Union([Timestamp, Type.Null()], {
      description: 'When it last got a refresh token. null: it gets none, so that is not known.',
      examples: [null],
    }),
  },
  { ...closed, title: 'AllowedApplication' },
)
