import { createHmac } from 'node:crypto'
import { seal, unseal } from '@stoa/kernel'

/** Seals secrets of factors, and hashes codes that are short. */
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
    return seal(this.#key, plain, place)
  }

  /** Null when it was changed, or belongs to another place. */
  open(sealed: Buffer, place: string): Buffer | null {
    try {
      return unseal(this.#key, sealed, place)
    } catch {
      return null
    }
  }

  /** What is kept of a recovery code of a person. */
  codeHash(personId: string, code: string): Buffer {
    return createHmac('sha256', this.#codeKey).update(`${personId}:${code}`).digest()
  }
}
