import { type Migration, sharedTable, tenantTable } from '@stoa/db'

/**
 * The OpenID provider of a tenant: who may use it, what it signs with, and what it has given out.
 *
 *   oauth_clients  applications that sign people in, and programs that sign in themselves. Of a secret, the SHA-256
 *   signing_keys   what tokens are signed with. The private part is encrypted by a secret of the installation, and each key has its time:
 *                  published first, then signing, then only published until the last token it has signed is over
 *   oidc_records   codes, refresh tokens, grants, sign-ins under way. What somebody can show is kept as its SHA-256. `session_id` is the session
 *                  of the person it was given out for, and ends with it
 *   token_denials  what access tokens are refused before their time: they carry their own proof, so each node is told. By the token, by the
 *                  session that it was given out for, or by the program that it was given to
 *
 * Records end by time and are deleted in batches. There is no foreign key from records to anything: they are checked when they are used.
 */
export const oidc: Migration = {
  name: '0002_oidc',
  scope: 'shared',
  breaking: false,
  up: `
create table oauth_clients (
  tenant_id uuid not null,
  id uuid not null,
  name text not null check (char_length(name) between 1 and 200),
  application_type text not null check (application_type in ('web', 'native')),
  auth_method text not null check (auth_method in ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
  secret_hash bytea,
  jwks jsonb,
  grant_types text[] not null,
  redirect_uris text[] not null,
  post_logout_redirect_uris text[] not null,
  backchannel_logout_uri text check (char_length(backchannel_logout_uri) <= 2000),
  scopes text[] not null,
  resources text[] not null,
  consent text not null check (consent in ('ask', 'given')),
  dpop_bound boolean not null,
  par_required boolean not null,
  registered boolean not null,
  created_by text not null,
  version integer not null check (version >= 1),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);
${tenantTable('oauth_clients')}
create table signing_keys (
  tenant_id uuid not null,
  kid text collate "C" not null check (char_length(kid) <= 64),
  alg text not null check (alg in ('ES256', 'EdDSA')),
  public_jwk jsonb not null,
  private_sealed bytea not null,
  signs_from timestamptz not null,
  retires_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant_id, kid)
);
create index signing_keys_by_kid on signing_keys (kid);
${tenantTable('signing_keys')}
create table oidc_records (
  tenant_id uuid not null,
  model text collate "C" not null check (char_length(model) <= 40),
  id bytea not null,
  payload jsonb not null,
  sealed bytea,
  grant_id text collate "C",
  session_id uuid,
  account_id uuid,
  user_code bytea,
  consumed_at timestamptz,
  expires_at timestamptz not null,
  primary key (tenant_id, model, id)
);
create index oidc_records_by_grant on oidc_records (tenant_id, grant_id) where grant_id is not null;
create index oidc_records_by_session on oidc_records (session_id) where session_id is not null;
create index oidc_records_by_account on oidc_records (account_id) where model = 'Grant';
create index oidc_records_by_user_code on oidc_records (tenant_id, user_code) where user_code is not null;
create index oidc_records_by_end on oidc_records (expires_at);
${tenantTable('oidc_records')}
create table token_denials (
  kind text collate "C" not null check (kind in ('token', 'session', 'client')),
  id text collate "C" not null check (char_length(id) <= 100),
  issued_before timestamptz not null,
  ends_at timestamptz not null,
  primary key (kind, id)
);
create index token_denials_by_end on token_denials (ends_at);
${sharedTable('token_denials', { app: 'none' })}`,
}
