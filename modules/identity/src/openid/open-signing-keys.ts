import type { Columns } from '@stoa/module'
import { identityConfig } from '../config.ts'
import { SigningKeys } from './signing-keys.ts'

/** The signing keys of an installation, as the room has them, for a command that has no room. */
export function openSigningKeys({
  config,
  db,
  journal,
  secret,
}: Pick<Columns, 'db' | 'journal' | 'secret' | 'config'>): SigningKeys {
  const { keyPublishSeconds: publishSeconds, signingAlgorithm: algorithm } = identityConfig(config)
  return new SigningKeys({ db, journal, key: secret('signing.keys', 32), algorithm, publishSeconds })
}
