import { type Migration, tenantTable } from '@stoa/db'

/**
 * Clicks twice: each one, and sums per link and hour (UTC). Both are written by one statement, so they always agree.
 * The time is part of the key of the raw rows so that the table can be partitioned by it. Raw rows carry no foreign
 * key: they come by the thousand, and the sums written with them have one.
 */
export const linkClicks: Migration = {
  name: '0003_link_clicks',
  scope: 'tenant',
  breaking: false,
  up: `
create table link_clicks (
  tenant_id uuid not null,
  at timestamptz not null,
  id uuid not null,
  link_id uuid not null,
  bot boolean not null,
  referrer_host text check (char_length(referrer_host) <= 253),
  primary key (tenant_id, at, id)
);
${tenantTable('link_clicks', { app: 'select,insert,delete' })}
create table link_click_hours (
  tenant_id uuid not null,
  link_id uuid not null,
  hour timestamptz not null,
  clicks bigint not null check (clicks >= 0),
  bots bigint not null check (bots >= 0),
  primary key (tenant_id, link_id, hour),
  foreign key (tenant_id, link_id) references links (tenant_id, id)
) with (fillfactor = 80);
${tenantTable('link_click_hours', { app: 'select,insert,update' })}
`,
}
