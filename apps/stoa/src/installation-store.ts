import { statement } from '@stoa/db'

/** The fingerprint of the secret that the database belongs to. No row: it has not met one yet. */
export const keptFingerprint = statement<[], { fingerprint: string }>(
  'select fingerprint from stoa.installation_secret',
)

/** Keeps the fingerprint, unless there is one. */
export const fingerprintKept = statement<[fingerprint: string], never>(
  'insert into stoa.installation_secret (fingerprint) values ($1) on conflict do nothing',
)
