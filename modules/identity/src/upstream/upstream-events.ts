import { defineEvent, type EventDefinition } from '@stoa/journal'
import { Type } from 'typebox'

const providerId = Type.String({ format: 'uuid' })
const personId = Type.String({ format: 'uuid' })
const place = { device: Type.String(), addressPrefix: Type.String() }
/** No secrets. Subject of all about one: `identity_provider:<id>`. */
const provider = Type.Object({
  providerId,
  kind: Type.String(),
  name: Type.String(),
  issuer: Type.String(),
  enabled: Type.Boolean({ description: 'Whether people may sign in by it.' }),
})

/** People may sign in by somebody else. */
export const identityProviderAdded = defineEvent({
  type: 'identity.provider_added',
  version: 1,
  keepsPlace: true,
  description: 'People may sign in by another provider of identities.',
  data: provider,
})

/** It is spoken to in another way. */
export const identityProviderChanged = defineEvent({
  type: 'identity.provider_changed',
  version: 1,
  keepsPlace: true,
  description: 'Another provider of identities was changed, or has got another secret.',
  data: provider,
})

/** Nobody signs in by it any more. */
export const identityProviderRemoved = defineEvent({
  type: 'identity.provider_removed',
  version: 1,
  keepsPlace: true,
  description: 'Another provider of identities was removed, with the accounts that were linked to it.',
  data: Type.Object({ providerId, name: Type.String() }),
})

/** An account elsewhere is a person's. Subjects: `person:<id>`, `identity_provider:<id>`. */
export const accountLinked = defineEvent({
  type: 'identity.account_linked',
  version: 1,
  keepsPlace: true,
  description: 'A person has connected an account of another provider, and may sign in by it.',
  data: Type.Object({ personId, providerId, ...place }),
})

/** It is one no more. */
export const accountUnlinked = defineEvent({
  type: 'identity.account_unlinked',
  version: 1,
  keepsPlace: true,
  description: 'A person has disconnected an account of another provider.',
  data: Type.Object({ personId, providerId }),
})

/** Somebody came back from a provider, and was not let in. */
export const upstreamRefused = defineEvent({
  type: 'identity.provider_refused',
  version: 1,
  keepsPlace: true,
  description: 'Somebody came back from another provider, and was not let in.',
  data: Type.Object({
    providerId,
    reason: Type.String({
      description: '`cancelled`: over there. `unavailable`: it did not answer. `failed`: what it said does not hold.',
    }),
    ...place,
  }),
})

/** All events about other providers. */
export const upstreamEvents: readonly EventDefinition[] = [
  identityProviderAdded,
  identityProviderChanged,
  identityProviderRemoved,
  accountLinked,
  accountUnlinked,
  upstreamRefused,
]
