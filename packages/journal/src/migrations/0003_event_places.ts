import type { Migration } from '@stoa/db'

/*
 * Where a request came from: a network and a label, for events that keep it (see `keepsPlace`). Two columns of the row and
 * nothing in `data`, because that is published: webhooks, channels and readers pass it on, and the place is for the audit
 * trail alone. Most events have none, and null takes no bytes: the row's bitmap of nulls has room for 16 columns.
 *
 * No index: nobody asks by it. Without a default this is a change of the catalogue; the lock on the partitions is held for
 * a moment.
 */
export const eventPlaces: Migration = {
  name: '0003_event_places',
  scope: 'shared',
  breaking: false,
  up: `
alter table events add column address_prefix text, add column device text;
grant insert (address_prefix, device) on events to stoa_app, stoa_system;
`,
}
