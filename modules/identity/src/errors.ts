import { defineErrors } from '@stoa/kernel'

/** What identity can answer besides the errors of the ground. */
export const identityErrors = defineErrors({
  person_not_found: { kind: 'not_found', message: 'There is no such person.' },
  person_exists: { kind: 'conflict', message: 'There is a person with this e-mail address already.' },
  person_required: { kind: 'forbidden', message: 'This is for people who are signed in, and not for programs.' },
  email_invalid: { kind: 'invalid', message: 'This is not an e-mail address that mail can be sent to.' },
  password_refused: { kind: 'invalid', message: 'This password cannot be used.' },
  link_spent: { kind: 'gone', message: 'This link has been used, or it is too old.' },
  sign_in_refused: { kind: 'unauthenticated', message: 'The e-mail address or the password is wrong.' },
  too_many_attempts: { kind: 'rate_limited', message: 'There were too many attempts. Wait a little.' },
  code_refused: { kind: 'unauthenticated', message: 'This code is wrong, or it was used already.' },
  passkey_refused: {
    kind: 'unauthenticated',
    message: 'This passkey is not known here, or it was used in another way.',
  },
  person_suspended: { kind: 'forbidden', message: 'This account is suspended.' },
  registration_closed: { kind: 'forbidden', message: 'Nobody can register by themselves here.' },
  upstream_cancelled: { kind: 'unauthenticated', message: 'The other provider did not let anybody in.' },
  upstream_failed: { kind: 'unauthenticated', message: 'What the other provider says does not hold.' },
  upstream_unavailable: { kind: 'unavailable', message: 'The other provider does not answer.' },
  account_linked_elsewhere: { kind: 'conflict', message: 'This account is connected to somebody else.' },
  last_way_in: { kind: 'conflict', message: 'This is the only way to sign in that there is.' },
  only_way_in: {
    kind: 'conflict',
    message:
      'People sign in by this provider and by nothing else. They can get back in by a mailed link, which sets a password; `anyway=true` removes it all the same.',
  },
  proof_required: {
    kind: 'unauthenticated',
    message: 'This needs a sign-in that is younger than ten minutes, by means of your own.',
  },
  own_session_required: {
    kind: 'forbidden',
    message:
      'This is of all organisations that you belong to, and needs a sign-in of your own: no key, and not by what another provider vouches for in one of them.',
  },
  application_not_found: { kind: 'not_found', message: 'You have let in no such application here.' },
  application_of_organisation: {
    kind: 'conflict',
    message:
      'The organisation has let this application in for everybody, and it alone can take that back. Ask whoever looks after applications there.',
  },
  session_not_found: { kind: 'not_found', message: 'There is no such session.' },
})
