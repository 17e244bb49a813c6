import type { Migration } from '@stoa/db'

/** Where people can read about an application before they let it in. */
export const clientWebsites: Migration = {
  name: '0013_client_websites',
  scope: 'shared',
  breaking: false,
  up: 'alter table oauth_clients add column website text;',
}
