import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const IV_BYTES = 12
const TAG_BYTES = 16

/** Seals secrets of factors (AES-256-GCM: iv · tag · text), and hashes codes that are short. */
export class FactorSeal {
  readonly #key: Buffer
  readonly #codeKey: Buffer

  /** @param key a secret of this installation, 32 bytes  @param codeKey another one, for codes */
  constructor(key: Buffer, codeKey: Buffer) {
    this.#key = key
    this.#codeKey = codeKey
  }

  /** @param place what it belongs to: it opens nowhere else */
  seal(plain: Buffer, place: string): Buffer {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv).setAAD(Buffer.from(place))
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
    return Buffer.concat([iv, cipher.getAuthTag(), sealed])
  }

  /** Null when it was changed, or belongs to another place. */
  open(sealed: Buffer, place: string): Buffer | null {
    if (sealed.length < IV_BYTES + TAG_BYTES) return null
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, IV_BYTES)).setAAD(
        Buffer.from(place),
      )
      decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
      return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
    } catch {
      return null
    }
  }

  /** What is kept of a recovery code of a person. */
  codeHash(personId: string, code: string): Buffer {
    return createHmac('sha256', this.#codeKey).update(`${personId}:${code}`).digest()
  }
}
