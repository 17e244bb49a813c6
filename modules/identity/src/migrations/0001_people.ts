import { type Migration, sharedTable, tenantTable } from '@stoa/db'

/**
 * People, and how they prove who they are.
 *
 * A person is the installation's and not a tenant's: somebody who belongs to three organisations has one password, one
 * set of factors and one list of sessions. A tenant sees the people who are its members, and of those no secrets: these
 * have tables of their own, which the system role alone can touch.
 *
 *   people            who there is. Row level security shows a tenant its members
 *   passwords         a hash per person; a person without one signs in otherwise, or has not set it yet
 *   memberships       who belongs to which tenant, by which roles
 *   sessions          who is signed in, where. The cookie holds a token, the table its SHA-256
 *   known_devices     browsers where somebody has signed in before: what a stranger tries does not hold them up
 *   one_time_tokens   links that were mailed: used once, soon, and for one purpose; the table has their SHA-256
 *   sign_in_settings  how the pages of a tenant look, and whether anybody may register
 *
 * Equality of text is all that is asked of addresses, so they are kept as they are compared: in lower case.
 */
export const people: Migration = {
  name: '0001_people',
  scope: 'shared',
  breaking: false,
  up: `
create table people (
  id uuid primary key,
  email text collate "C" not null unique check (char_length(email) <= 254),
  email_verified_at timestamptz,
  name text not null check (char_length(name) between 1 and 200),
  locale text not null check (char_length(locale) <= 35),
  suspended_at timestamptz,
  version integer not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create table memberships (
  tenant_id uuid not null,
  person_id uuid not null references people (id) on delete cascade,
  role_names text[] not null check (cardinality(role_names) <= 50),
  status text not null check (status in ('active', 'suspended')),
  version integer not null check (version >= 1),
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, person_id)
);
create index memberships_by_person on memberships (person_id);
${tenantTable('memberships')}
alter table people enable row level security;
alter table people force row level security;
create policy members on people for select to stoa_app
  using (id in (select person_id from memberships where tenant_id = (select current_setting('stoa.tenant')::uuid)));
create policy system_rows on people to stoa_system using (true) with check (true);
${sharedTable('people')}
create table passwords (
  person_id uuid primary key references people (id) on delete cascade,
  hash text not null check (char_length(hash) <= 500),
  set_at timestamptz not null
);
${sharedTable('passwords', { app: 'none' })}
create table sessions (
  id uuid primary key,
  token_hash bytea not null unique,
  person_id uuid not null references people (id) on delete cascade,
  name text check (char_length(name) <= 100),
  device text not null,
  address_prefix text not null,
  amr text[] not null,
  acr text not null,
  auth_time timestamptz not null,
  idle_seconds integer not null check (idle_seconds >= 1),
  ends_at timestamptz not null,
  seen_at timestamptz not null,
  created_at timestamptz not null
);
create index sessions_by_person on sessions (person_id);
create index sessions_by_end on sessions (ends_at);
${sharedTable('sessions', { app: 'none' })}
create table known_devices (
  person_id uuid not null references people (id) on delete cascade,
  token_hash bytea not null,
  seen_at timestamptz not null,
  created_at timestamptz not null,
  primary key (person_id, token_hash)
);
create index known_devices_by_use on known_devices (seen_at);
${sharedTable('known_devices', { app: 'none' })}
create table one_time_tokens (
  token_hash bytea primary key,
  purpose text not null check (char_length(purpose) <= 40),
  person_id uuid references people (id) on delete cascade,
  email text collate "C",
  data jsonb not null default '{}',
  expires_at timestamptz not null,
  created_at timestamptz not null
);
create index one_time_tokens_by_person on one_time_tokens (person_id);
create index one_time_tokens_by_email on one_time_tokens (email, purpose);
create index one_time_tokens_by_end on one_time_tokens (expires_at);
${sharedTable('one_time_tokens', { app: 'none' })}
create table sign_in_settings (
  tenant_id uuid not null,
  registration text not null check (registration in ('closed', 'open')),
  display_name text check (char_length(display_name) between 1 and 100),
  color text check (color ~ '^#[0-9a-f]{6}$'),
  logo_url text check (char_length(logo_url) <= 1000),
  version integer not null check (version >= 1),
  updated_at timestamptz not null,
  primary key (tenant_id)
);
${tenantTable('sign_in_settings', { system: 'select' })}`,
}
