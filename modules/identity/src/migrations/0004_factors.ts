import { type Migration, sharedTable } from '@stoa/db'

/**
 * What somebody proves who they are with besides a password.
 *
 *   totp_secrets    the secret of an authenticator app, sealed by a key that is not in the database; and the last step of
 *                   time whose code was taken, so that no code is taken twice
 *   recovery_codes  an HMAC of each code that is left: they are short enough to be written down, and so to be guessed from
 *                   a mere hash
 *   passkeys        public keys (WebAuthn), with the counter that tells a copied authenticator
 */
export const factors: Migration = {
  name: '0004_factors',
  scope: 'shared',
  breaking: false,
  up: `
create table totp_secrets (
  person_id uuid primary key references people (id) on delete cascade,
  sealed_secret bytea not null,
  last_step bigint not null,
  created_at timestamptz not null
);
${sharedTable('totp_secrets', { app: 'none' })}
create table recovery_codes (
  person_id uuid not null references people (id) on delete cascade,
  code_hash bytea not null,
  primary key (person_id, code_hash)
);
${sharedTable('recovery_codes', { app: 'none' })}
create table passkeys (
  id uuid primary key,
  person_id uuid not null references people (id) on delete cascade,
  credential_id text collate "C" not null unique check (char_length(credential_id) <= 1400),
  public_key bytea not null,
  counter bigint not null,
  transports text[] not null,
  name text not null check (char_length(name) between 1 and 100),
  backed_up boolean not null,
  used_at timestamptz,
  created_at timestamptz not null
);
create index passkeys_by_person on passkeys (person_id);
${sharedTable('passkeys', { app: 'none' })}`,
}
