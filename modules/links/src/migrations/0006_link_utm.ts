import type { Migration } from '@stoa/db'

/** Campaign parameters, as the query that is added to the target: `utm_source=newsletter&utm_medium=email`. */
export const linkUtm: Migration = {
  name: '0006_link_utm',
  scope: 'tenant',
  breaking: false,
  up: 'alter table links add column utm text',
}
