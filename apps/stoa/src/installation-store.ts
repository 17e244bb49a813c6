import { statement } from '@stoa/db'

/** The one row about this installation. */
export const installation = statement<[], { id: string; createdAt: Date; secretFingerprint: string | null }>(
  'select id, created_at, secret_fingerprint from stoa.installation',
)

/** Keeps the fingerprint, unless there is one. */
export const fingerprintKept = statement<[fingerprint: string], never>(
  'update stoa.installation set secret_fingerprint = $1 where secret_fingerprint is null',
)
