import { type Migration, SYSTEM_ROLE } from '@stoa/db'

export const installationSecret: Migration = {
  name: '0001_installation_secret',
  scope: 'shared',
  breaking: false,
  up: `
create table installation_secret (
  fingerprint text not null,
  only_row boolean not null default true primary key check (only_row)
);
grant select, insert on installation_secret to ${SYSTEM_ROLE};`,
}
