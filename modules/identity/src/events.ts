import { defineEvent, type EventDefinition } from '@stoa/journal'
import { Type } from 'typebox'

/**
 * From where: a network and no address, a label and no user agent. The journal is kept for longer than sessions. Every event
 * of the room keeps its place for the audit trail; these have it in their data too, for who follows them.
 */
const place = {
  device: Type.String({ description: 'The browser and the system, as the user agent names them.' }),
  addressPrefix: Type.String({
    description: 'The /24 of an IPv4 address, the /48 of an IPv6 one; empty when unknown.',
  }),
}
const personId = Type.String({ format: 'uuid' })
const sessionId = Type.String({ format: 'uuid' })

/** Somebody is there who was not. Subject of all that are about one person: `person:<id>`. */
export const personAdded = defineEvent({
  type: 'identity.person_added',
  version: 1,
  keepsPlace: true,
  description: 'A person was made: they registered, were invited, or were added by hand.',
  data: Type.Object({ personId, by: Type.String({ description: '`registration`, `invitation` or `hand`.' }) }),
})

/** The account of somebody is closed everywhere. Told in each organisation that they belong to. */
export const personSuspended = defineEvent({
  type: 'identity.person_suspended',
  version: 1,
  keepsPlace: true,
  description: 'The operator of the installation has closed the account of a person, in every organisation.',
  data: Type.Object({ personId }),
})

/** The account of somebody is open again. Told in each organisation that they belong to. */
export const personRestored = defineEvent({
  type: 'identity.person_restored',
  version: 1,
  keepsPlace: true,
  description: 'The operator of the installation has opened the account of a person again.',
  data: Type.Object({ personId }),
})

/** Somebody belongs to the tenant. */
export const memberAdded = defineEvent({
  type: 'identity.member_added',
  version: 1,
  keepsPlace: true,
  description: 'A person belongs to the organisation from now on.',
  data: Type.Object({ personId, roleNames: Type.Array(Type.String()) }),
})

/** Somebody has signed in. Subjects: `person:<id>`, `session:<id>`. */
export const signedIn = defineEvent({
  type: 'identity.signed_in',
  version: 1,
  keepsPlace: true,
  description: 'A person has signed in.',
  data: Type.Object({
    personId,
    sessionId,
    amr: Type.Array(Type.String(), { description: 'How (RFC 8176): `pwd`, `otp`, `hwk`, `mfa` …' }),
    newDevice: Type.Boolean({ description: 'Nobody had signed in as this person with this browser.' }),
    ...place,
  }),
})

/** A wrong password, for a person who exists. */
export const signInRefused = defineEvent({
  type: 'identity.sign_in_refused',
  version: 1,
  keepsPlace: true,
  description: 'Somebody has tried to sign in as this person, and was refused.',
  data: Type.Object({
    personId,
    reason: Type.String({ description: '`credentials`, `suspended`, `factor`.' }),
    ...place,
  }),
})

/** A session is over. Subjects: `session:<id>`, `person:<id>`. */
export const sessionEnded = defineEvent({
  type: 'identity.session_ended',
  version: 1,
  keepsPlace: true,
  description: 'A session was ended before its time. What was given out for it holds no longer.',
  data: Type.Object({
    personId,
    sessionId,
    reason: Type.String({ description: '`signed_out`, `ended`, `password`, `suspended`, `replaced`, `deleted`.' }),
  }),
})

/** The password is another one. */
export const passwordChanged = defineEvent({
  type: 'identity.password_changed',
  version: 1,
  keepsPlace: true,
  description: 'A person has set a password.',
  data: Type.Object({
    personId,
    by: Type.String({ description: '`change`, `reset` or `registration`.' }),
    ...place,
  }),
})

/** The address is another one. No addresses here. */
export const emailChanged = defineEvent({
  type: 'identity.email_changed',
  version: 1,
  keepsPlace: true,
  description: 'A person has another e-mail address, and has proven that it is theirs.',
  data: Type.Object({ personId, ...place }),
})

/** The name or the language. */
export const profileChanged = defineEvent({
  type: 'identity.profile_changed',
  version: 1,
  keepsPlace: true,
  description: 'A person has changed their name or language.',
  data: Type.Object({ personId, changed: Type.Array(Type.String()) }),
})

/** An app, a passkey, or recovery codes. */
export const factorAdded = defineEvent({
  type: 'identity.factor_added',
  version: 1,
  keepsPlace: true,
  description: 'A person has set up a way to prove who they are.',
  data: Type.Object({ personId, kind: Type.String({ description: '`totp`, `recovery_codes` or `passkey`.' }) }),
})

/** It is one no more. */
export const factorRemoved = defineEvent({
  type: 'identity.factor_removed',
  version: 1,
  keepsPlace: true,
  description: 'A person has removed a way to prove who they are, or the operator has, for one who had lost it.',
  data: Type.Object({ personId, kind: Type.String({ description: '`totp` or `passkey`.' }) }),
})

/** Somebody has got a file of all that is kept about them: whoever is signed in as them has it now. */
export const exportRequested = defineEvent({
  type: 'identity.export_requested',
  version: 1,
  keepsPlace: true,
  description: 'A person has asked for everything that is kept about them.',
  data: Type.Object({ personId }),
})

/** Somebody is there no more. Nothing but the id is left of them. */
export const personErased = defineEvent({
  type: 'identity.person_erased',
  version: 1,
  keepsPlace: true,
  description: 'A person was erased, with all that was theirs alone.',
  data: Type.Object({ personId }),
})

/** How the pages look, or who may register. Subject: `tenant:<id>`. */
export const signInSettingsChanged = defineEvent({
  type: 'identity.sign_in_settings_changed',
  version: 1,
  keepsPlace: true,
  description: 'How the sign-in pages look, or who may register, was set.',
  data: Type.Object({
    registration: Type.String(),
    displayName: Type.Union([Type.String(), Type.Null()]),
    color: Type.Union([Type.String(), Type.Null()]),
    logoUrl: Type.Union([Type.String(), Type.Null()]),
    version: Type.Integer({ minimum: 0, description: '0: as if nobody had set anything.' }),
  }),
})

/** All events of the room. */
export const identityEvents: readonly EventDefinition[] = [
  personAdded,
  memberAdded,
  signedIn,
  signInRefused,
  sessionEnded,
  passwordChanged,
  emailChanged,
  profileChanged,
  factorAdded,
  factorRemoved,
  personSuspended,
  personRestored,
  exportRequested,
  personErased,
  signInSettingsChanged,
]
