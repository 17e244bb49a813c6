import { type Migration, tenantTable } from '@stoa/db'

/**
 * What people and programs may do in a tenant.
 *
 *   roles             sets of permissions of the tenant's own; the built-in ones are made of the manifests, and stand nowhere
 *   teams             groups of members, with roles; team_members says who is in them
 *   grants            a role for somebody beside those of their membership: in the whole tenant, or on one thing
 *   invitations       somebody is asked to join; the link is mailed, the table has the SHA-256 of its token
 *   service_accounts  programs that are members: they hold API keys
 *
 * Roles are named, not numbered, where somebody has them: a membership says what it means to whoever reads the table.
 */
export const roles: Migration = {
  name: '0003_roles',
  scope: 'shared',
  breaking: false,
  up: `
alter table memberships add column external_id text collate "C";
alter table memberships add column user_name text collate "C";
alter table memberships add column display_name text;
create table roles (
  tenant_id uuid not null,
  name text collate "C" not null check (name ~ '^[a-z][a-z0-9-]{1,49}$'),
  title text not null check (char_length(title) between 1 and 100),
  description text not null check (char_length(description) <= 500),
  permissions text[] not null check (cardinality(permissions) <= 500),
  version integer not null check (version >= 1),
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, name)
);
${tenantTable('roles')}
create table teams (
  tenant_id uuid not null,
  id uuid not null,
  name text collate "C" not null check (char_length(name) between 1 and 100),
  description text not null check (char_length(description) <= 500),
  role_names text[] not null check (cardinality(role_names) <= 50),
  external_id text collate "C",
  version integer not null check (version >= 1),
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
${tenantTable('teams')}
create table team_members (
  tenant_id uuid not null,
  team_id uuid not null,
  person_id uuid not null,
  created_at timestamptz not null,
  primary key (tenant_id, team_id, person_id),
  foreign key (tenant_id, team_id) references teams (tenant_id, id) on delete cascade,
  foreign key (tenant_id, person_id) references memberships (tenant_id, person_id) on delete cascade
);
create index team_members_by_person on team_members (tenant_id, person_id);
${tenantTable('team_members')}
create table grants (
  tenant_id uuid not null,
  id uuid not null,
  subject_type text not null check (subject_type in ('person', 'team', 'serviceAccount')),
  subject_id uuid not null,
  role_name text collate "C" not null,
  resource_kind text collate "C" check (char_length(resource_kind) <= 50),
  resource_id text collate "C" check (char_length(resource_id) <= 200),
  expires_at timestamptz,
  created_by text not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  check ((resource_kind is null) = (resource_id is null))
);
create unique index grants_once on grants
  (tenant_id, subject_type, subject_id, role_name, coalesce(resource_kind, ''), coalesce(resource_id, ''));
create index grants_by_resource on grants (tenant_id, resource_kind, resource_id);
${tenantTable('grants', { app: 'select,insert,delete' })}
create table invitations (
  tenant_id uuid not null,
  id uuid not null,
  email text collate "C" not null check (char_length(email) <= 254),
  role_names text[] not null check (cardinality(role_names) between 1 and 50),
  team_ids uuid[] not null check (cardinality(team_ids) <= 50),
  token_hash bytea not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  accepted_by uuid,
  revoked_at timestamptz,
  created_by text not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, token_hash)
);
create index invitations_by_token on invitations (token_hash);
create index invitations_by_email on invitations (tenant_id, email);
${tenantTable('invitations')}
create table service_accounts (
  tenant_id uuid not null,
  id uuid not null,
  name text not null check (char_length(name) between 1 and 100),
  description text not null check (char_length(description) <= 500),
  role_names text[] not null check (cardinality(role_names) <= 50),
  disabled_at timestamptz,
  version integer not null check (version >= 1),
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);
${tenantTable('service_accounts')}`,
}
