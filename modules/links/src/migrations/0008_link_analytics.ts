import { type Migration, tenantTable } from '@stoa/db'

/**
 * Single clicks with what they are counted by, a partition for each day: a day that is old is dropped as a whole. The
 * default partition takes what has none. `link_clicks` is no longer written, and empties as its clicks grow old.
 *
 * `link_click_batches` lists what was written and is not in `link_click_facets` yet; see click-folding.ts. Both together
 * are always all clicks. A visitor is in `link_click_visitors` once for each link and day, and for two days.
 */
export const linkAnalytics: Migration = {
  name: '0008_link_analytics',
  scope: 'tenant',
  breaking: false,
  up: `
create table link_click_log (
  tenant_id uuid not null,
  at timestamptz not null,
  id uuid not null,
  link_id uuid not null,
  bot boolean not null,
  batch bigint not null,
  visitor bigint,
  referrer_host text check (char_length(referrer_host) <= 253),
  profile text check (char_length(profile) <= 500),
  primary key (tenant_id, at, id)
) partition by range (at);
${tenantTable('link_click_log', { app: 'select,insert' })}
create table link_click_log_default partition of link_click_log default;
create table link_click_batches (
  tenant_id uuid not null,
  id bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  clicks integer not null check (clicks >= 1),
  primary key (tenant_id, id)
);
${tenantTable('link_click_batches')}
create table link_click_facets (
  tenant_id uuid not null,
  link_id uuid not null,
  dimension text collate "C" not null,
  slot timestamptz not null,
  value text collate "C" not null check (char_length(value) <= 253),
  clicks bigint not null check (clicks >= 0),
  bots bigint not null check (bots >= 0),
  visitors bigint not null check (visitors >= 0),
  primary key (tenant_id, link_id, dimension, slot, value),
  foreign key (tenant_id, link_id) references links (tenant_id, id)
);
create index link_click_facets_by_slot on link_click_facets (tenant_id, dimension, slot);
${tenantTable('link_click_facets', { app: 'select,insert,update' })}
create table link_click_visitors (
  tenant_id uuid not null,
  day date not null,
  link_id uuid not null,
  visitor bigint not null,
  primary key (tenant_id, day, link_id, visitor)
);
${tenantTable('link_click_visitors', { app: 'select,insert,delete' })}
`,
}
