import { type Migration, tenantTable } from '@stoa/db'

/**
 * How and how often a link redirects. Visits of links with a maximum are counted in a row of their own, so that a visit
 * neither waits for a change of the link nor makes a new version of it.
 */
export const linkLimits: Migration = {
  name: '0004_link_limits',
  scope: 'tenant',
  breaking: false,
  up: `
alter table links
  add column starts_at timestamptz,
  add column max_visits integer,
  add column redirect_status smallint not null default 302,
  add column forward_query boolean not null default false;
alter table links
  add constraint links_max_visits check (max_visits >= 1) not valid,
  add constraint links_redirect_status check (redirect_status in (301, 302, 307, 308)) not valid;
create table link_visits (
  tenant_id uuid not null,
  link_id uuid not null,
  visits integer not null check (visits >= 0),
  primary key (tenant_id, link_id),
  foreign key (tenant_id, link_id) references links (tenant_id, id)
) with (fillfactor = 50);
${tenantTable('link_visits', { app: 'select,insert,update' })}
`,
}
