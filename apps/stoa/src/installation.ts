/*
 * A database belongs to one secret. With another one every API key would be unknown, every replay unreadable, and new
 * short codes would collide with the old ones. So the first start leaves the secret's fingerprint in the database, and
 * every later one compares.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, StoaError } from '@stoa/kernel'
import type { Config } from './config/config.ts'
import { createSecret, findSecret, type InstallationSecret, secretErrors, secretFile } from './config/secrets.ts'
import { fingerprintKept, keptFingerprint } from './installation-store.ts'

/**
 * The secret that this database belongs to. On a new database that is the given one, or a new one in its file.
 *
 * @throws StoaError `secret_missing`, `secret_wrong`, `secret_unusable`
 */
export async function openSecret(
  db: Database,
  ctx: BaseCtx,
  config: Pick<Config, 'secret' | 'dataDir'>,
): Promise<InstallationSecret> {
  const [known, found] = await Promise.all([secretFingerprint(db, ctx), findSecret(config.secret, config.dataDir)])
  if (found === null && known !== null) {
    throw new StoaError(secretErrors.secret_missing, {
      message: `The database was made with a secret that is not there: put ${secretFile(config.dataDir)} back from a backup, or set STOA_SECRET.`,
    })
  }
  const secret = found ?? (await createSecret(config.dataDir))
  if (known === null) await db.system(ctx, (tx) => tx.run(fingerprintKept(secret.fingerprint)))
  // Another process may have been first.
  const kept = known ?? (await secretFingerprint(db, ctx))
  if (kept !== secret.fingerprint) {
    throw new StoaError(secretErrors.secret_wrong, {
      message: `The database was made with another secret than ${secret.source} holds: set the right one.`,
    })
  }
  return secret
}

/** The fingerprint of the secret that this database belongs to; null when it has not met one yet. */
export async function secretFingerprint(db: Database, ctx: BaseCtx): Promise<string | null> {
  const row = await db.systemRead(ctx, (tx) => tx.maybe(keptFingerprint()))
  return row?.fingerprint ?? null
}
