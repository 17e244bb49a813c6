// Encryption of what is kept and secret: AES-256-GCM (NIST SP 800-38D), as iv (12 bytes) · tag (16 bytes) · ciphertext.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts.
 *
 * @param key 32 bytes
 * @param plain text is taken as UTF-8
 * @param place what it belongs to, such as a table and an id: it opens nowhere else
 *
 * @example
 * const kept = seal(key, 'a secret', `signing key ${id}`)
 * unseal(key, kept, `signing key ${id}`).toString() // 'a secret'
 */
export function seal(key: Buffer, plain: Buffer | string, place: string): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(place))
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), ciphertext])
}

/** What {@link seal} encrypted. @throws Error when it was changed or cut, or belongs to another place or key */
export function unseal(key: Buffer, sealed: Buffer, place: string): Buffer {
  const iv = sealed.subarray(0, IV_BYTES)
  const tag = sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES)
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(place))
  decipher.setAuthTag(tag)
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
}
