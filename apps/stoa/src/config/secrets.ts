/*
 * One secret per installation; everything else that must be secret is derived from it, by purpose (HKDF, RFC 5869), so
 * that no two uses share a key and none reveals another.
 *
 *   STOA_SECRET, or the file <data>/secret      made on the first start, mode 0600
 *        └─ HKDF-SHA256(secret, salt 'stoa', info = purpose)
 *              ├─ 'links.code' …                what rooms and columns ask for
 *              └─ 'installation.fingerprint'    kept in the database, to know a wrong secret before it does harm
 *
 * A secret is never replaced silently: when the database knows a fingerprint and no secret is found, the start is
 * refused.
 */
import { hkdfSync, randomBytes, randomUUID } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { defineErrors, makeFolder, StoaError } from '@stoa/kernel'

/** What can be wrong with the secret. */
export const secretErrors = defineErrors({
  secret_unusable: { kind: 'internal', message: 'The secret of the installation cannot be used.' },
  secret_missing: { kind: 'internal', message: 'The secret of the installation is not there.' },
  secret_wrong: { kind: 'internal', message: 'The database was made with another secret.' },
})

/** The least length, in characters. */
const MIN_SECRET_LENGTH = 32

/** The secret of an installation. */
export interface InstallationSecret {
  /** Where it came from: `STOA_SECRET`, or the path of the file. */
  readonly source: string
  /** Tells secrets apart and reveals nothing: 32 hex digits. */
  readonly fingerprint: string
  /**
   * The key for a purpose, such as `links.code`; always the same for the same purpose and length.
   *
   * @param bytes 1–255; default 32
   */
  derive(purpose: string, bytes?: number): Buffer
}

const SALT = 'stoa'
const FINGERPRINT_PURPOSE = 'installation.fingerprint'

/** Makes the secret from its text. */
export function installationSecret(text: string, source: string): InstallationSecret {
  const derive = (purpose: string, bytes = 32): Buffer => {
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > 255)
      throw new RangeError(`a key has 1 to 255 bytes, not ${bytes}`)
    return Buffer.from(hkdfSync('sha256', text, SALT, purpose, bytes))
  }
  return Object.freeze({ source, derive, fingerprint: derive(FINGERPRINT_PURPOSE, 16).toString('hex') })
}

/** Where the secret is kept when the environment does not give it. */
export function secretFile(dataDir: string): string {
  return join(dataDir, 'secret')
}

/**
 * The secret as it was given, else from its file; null when there is neither.
 *
 * @throws StoaError `secret_unusable`: the file cannot be read, or what it holds is too short
 */
export async function findSecret(given: string | null, dataDir: string): Promise<InstallationSecret | null> {
  if (given !== null) return installationSecret(given, 'STOA_SECRET')
  const path = secretFile(dataDir)
  let text: string
  try {
    text = (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new StoaError(secretErrors.secret_unusable, {
      message: `The secret ${path} cannot be read: ${(cause as Error).message}`,
      cause,
    })
  }
  if (text.length < MIN_SECRET_LENGTH) {
    throw new StoaError(secretErrors.secret_unusable, {
      message: `The secret ${path} has fewer than ${MIN_SECRET_LENGTH} characters: put the right one back from a backup.`,
    })
  }
  return installationSecret(text, path)
}

/**
 * Makes a secret in its file, unless another process has just done so: then that one is taken. The file appears whole
 * or not at all.
 *
 * @throws StoaError `secret_unusable`: the file cannot be written
 */
export async function createSecret(dataDir: string): Promise<InstallationSecret> {
  const path = secretFile(dataDir)
  const draft = `${path}.${randomUUID()}`
  try {
    await makeFolder(dirname(path))
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(48).toString('base64url')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(draft, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new StoaError(secretErrors.secret_unusable, {
        message: `The secret ${path} cannot be written: ${(cause as Error).message}`,
        cause,
      })
    }
  } finally {
    await unlink(draft).catch(() => undefined)
  }
  return (await findSecret(null, dataDir)) as InstallationSecret
}
