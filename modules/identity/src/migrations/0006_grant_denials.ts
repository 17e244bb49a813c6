import type { Migration } from '@stoa/db'

/** Access tokens can be refused by the grant that they were given out for: a code that was shown twice takes them with it. */
export const grantDenials: Migration = {
  name: '0006_grant_denials',
  scope: 'shared',
  breaking: false,
  up: `
alter table token_denials drop constraint token_denials_kind_check;
alter table token_denials add constraint token_denials_kind_check check (kind in ('token', 'session', 'client', 'grant')) not valid;`,
}
