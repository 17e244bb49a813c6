import { type Migration, SYSTEM_ROLE } from '@stoa/db'

export const secretFingerprint: Migration = {
  name: '0001_secret_fingerprint',
  scope: 'shared',
  breaking: false,
  up: `
alter table installation add column secret_fingerprint text;
grant update (secret_fingerprint) on installation to ${SYSTEM_ROLE};`,
}
