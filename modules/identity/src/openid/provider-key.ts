/*
 * A key as the library signs with it. It never sees the private part, and it is spared a thread: making a signature takes
 * less than waking another one for it.
 */
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { ExternalSigningKey } from 'oidc-provider'
import type { SigningKey } from './signing-keys.ts'

/** A signing key of a tenant. */
export class ProviderKey extends ExternalSigningKey {
  readonly #key: SigningKey
  #publicKey: KeyObject | null = null

  constructor(key: SigningKey) {
    super()
    this.#key = key
  }

  override get kid(): string {
    return this.#key.kid
  }

  override get alg(): SigningKey['alg'] {
    return this.#key.alg
  }

  override keyObject(): KeyObject {
    this.#publicKey ??= createPublicKey(this.#key.privateKey)
    return this.#publicKey
  }

  override sign(data: Buffer): Buffer {
    const { alg, privateKey: key } = this.#key
    return sign(alg === 'ES256' ? 'sha256' : null, data, { key, dsaEncoding: 'ieee-p1363' })
  }
}
