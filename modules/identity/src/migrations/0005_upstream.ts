import { type Migration, tenantTable } from '@stoa/db'

/**
 * Signing in by others: Google, Microsoft, GitHub, any OpenID provider.
 *
 *   identity_providers  whom a tenant lets its people sign in by; the secret is sealed by a key that is not in the database
 *   linked_accounts     that somebody over there is this person here, as the person has proven; by the issuer that says so
 *   sessions            one that a tenant's provider vouches for counts in that tenant, and in no other
 */
export const upstream: Migration = {
  name: '0005_upstream',
  scope: 'shared',
  breaking: false,
  up: `
create table identity_providers (
  tenant_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('openid', 'google', 'microsoft', 'github')),
  name text not null check (char_length(name) between 1 and 100),
  issuer text collate "C" not null check (char_length(issuer) <= 1000),
  client_id text collate "C" not null check (char_length(client_id) <= 500),
  secret_sealed bytea not null,
  enabled boolean not null,
  version integer not null check (version >= 1),
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);
${tenantTable('identity_providers')}
create table linked_accounts (
  tenant_id uuid not null,
  provider_id uuid not null,
  issuer text collate "C" not null check (char_length(issuer) <= 1000),
  subject text collate "C" not null check (char_length(subject) between 1 and 255),
  person_id uuid not null references people (id) on delete cascade,
  label text not null check (char_length(label) between 1 and 200),
  used_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant_id, provider_id, issuer, subject),
  unique (tenant_id, provider_id, person_id),
  foreign key (tenant_id, provider_id) references identity_providers (tenant_id, id) on delete cascade
);
create index linked_accounts_by_person on linked_accounts (person_id);
${tenantTable('linked_accounts', { app: 'none' })}
alter table sessions add column bound_tenant_id uuid;`,
}
