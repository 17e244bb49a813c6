import { defineEvent, type EventDefinition } from '@stoa/journal'
import { Type } from 'typebox'

const clientId = Type.String({ format: 'uuid' })
const texts = Type.Array(Type.String())
const Nullable = Type.Union([Type.String(), Type.Null()])

/** What an application may do. No secrets. Subject of all about one: `oauth_client:<id>`. */
const clientData = Type.Object({
  clientId,
  name: Type.String(),
  website: Nullable,
  authMethod: Type.String(),
  grantTypes: texts,
  redirectUris: texts,
  scopes: texts,
  resources: texts,
  consent: Type.String(),
})

/** An application may sign people in, or sign in itself. */
export const oauthClientAdded = defineEvent({
  type: 'identity.oauth_client_added',
  version: 1,
  keepsPlace: true,
  description: 'An application was added, or has registered itself.',
  data: clientData,
})

/** It may do something else. */
export const oauthClientChanged = defineEvent({
  type: 'identity.oauth_client_changed',
  version: 1,
  keepsPlace: true,
  description: 'An application was changed, or has got another secret.',
  data: Type.Object({
    ...clientData.properties,
    endsTokens: Type.Boolean({
      description: 'What it was given before holds no longer: its secret is another one, or it may do less.',
    }),
  }),
})

/** It is gone, and so is all that was given out to it. */
export const oauthClientRemoved = defineEvent({
  type: 'identity.oauth_client_removed',
  version: 1,
  keepsPlace: true,
  description: 'An application was removed. What was given out to it holds no longer.',
  data: Type.Object({ clientId, name: Type.String() }),
})

/** Somebody may have an application register itself. Subject: `tenant:<id>`. Nothing of the token. */
export const registrationTokenAdded = defineEvent({
  type: 'identity.registration_token_added',
  version: 1,
  keepsPlace: true,
  description: 'A token was given out with which applications register themselves.',
  data: Type.Object({ endsAt: Type.String({ format: 'date-time' }) }),
})

/** There is a new key to sign with. Subject: `tenant:<id>`. */
export const signingKeyRotated = defineEvent({
  type: 'identity.signing_key_rotated',
  version: 1,
  keepsPlace: true,
  description: 'A key was made that tokens are going to be signed with.',
  data: Type.Object({ kid: Type.String(), alg: Type.String(), signsFrom: Type.String({ format: 'date-time' }) }),
})

/** Somebody has let an application in. Subjects: `person:<id>`, `oauth_client:<id>`. */
export const applicationAllowed = defineEvent({
  type: 'identity.application_allowed',
  version: 1,
  keepsPlace: true,
  description: 'An application was let in by a person, or for them because it is the organisation’s own.',
  data: Type.Object({
    personId: Type.String({ format: 'uuid' }),
    clientId,
    scopes: texts,
    asked: Type.Boolean({ description: 'The person was asked.' }),
    device: Type.String(),
    addressPrefix: Type.String(),
  }),
})

/** What was given out holds no longer. Subjects: `oauth_client:<id>`, and `person:<id>` when it was given out for one. */
export const grantRevoked = defineEvent({
  type: 'identity.grant_revoked',
  version: 1,
  keepsPlace: true,
  description: 'What was given out to an application holds no longer.',
  data: Type.Object({
    clientId: Nullable,
    personId: Nullable,
    reason: Type.String({
      description:
        '`reuse`: a code or a refresh token was shown twice. `withdrawn`: the person has taken it back. `revoked`, `signed_out`, `password`.',
    }),
    grant: Type.Optional(
      Type.String({ description: 'What access tokens name the grant by: those that do hold no longer.' }),
    ),
  }),
})

/** An access token was taken back before its time. Subject: `token:<jti>`. */
export const tokenRevoked = defineEvent({
  type: 'identity.token_revoked',
  version: 1,
  keepsPlace: true,
  description: 'An access token was taken back before its time.',
  data: Type.Object({ jti: Type.String(), clientId: Type.String(), endsAt: Type.String({ format: 'date-time' }) }),
})

/** All events of the provider. */
export const oidcEvents: readonly EventDefinition[] = [
  oauthClientAdded,
  oauthClientChanged,
  oauthClientRemoved,
  registrationTokenAdded,
  signingKeyRotated,
  applicationAllowed,
  grantRevoked,
  tokenRevoked,
]
