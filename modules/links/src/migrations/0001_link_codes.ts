import { type Migration, tenantTable } from '@stoa/db'

/**
 * The directory: who owns a code. A redirect knows a host and a code and neither tenant nor placement, so this one
 * table is shared by all placements and its key leads with the host; a code is unique per short host over all tenants.
 * Row level security holds as everywhere: the app role sees its tenant's rows alone, and only the redirect, in the
 * system role, sees all.
 *
 * The sequence numbers generated codes. A process takes 1,000 at a time, so its values are the beginnings of blocks.
 * The end is 62⁷: there are no more codes of seven characters.
 */
export const linkCodes: Migration = {
  name: '0001_link_codes',
  scope: 'shared',
  breaking: false,
  up: `
create table link_codes (
  host text collate "C" not null,
  code text collate "C" not null,
  tenant_id uuid not null,
  link_id uuid not null,
  primary key (host, code)
);
${tenantTable('link_codes', { app: 'select,insert' })}
create sequence link_code_numbers as bigint increment by 1000 minvalue 0 maxvalue 3521614606207 start with 0 no cycle;
grant usage on sequence link_code_numbers to stoa_app, stoa_system;
`,
}
