/*
 * Challenges of passkeys, which nobody has to keep: a random part, the time, and an HMAC that binds both to the browser's
 * cookie. Showing a page so costs no write; that a challenge was used is noted when it is.
 */
import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'

const RANDOM_BYTES = 16
const TIME_BYTES = 8
const MAC_BYTES = 16
const LASTS_MS = 600_000

/** A challenge that holds. */
export interface HeldChallenge {
  /** Names it among those that were used. */
  readonly hash: Buffer
  readonly expiresAt: Date
}

/** Makes and knows challenges. */
export class PasskeyChallenges {
  readonly #key: Buffer

  /** @param key a secret of this installation, 32 bytes */
  constructor(key: Buffer) {
    this.#key = key
  }

  /** A new one for a browser, base64url. */
  make(deviceToken: string, now: number): string {
    const head = Buffer.alloc(RANDOM_BYTES + TIME_BYTES, randomBytes(RANDOM_BYTES))
    head.writeBigUInt64BE(BigInt(now), RANDOM_BYTES)
    return Buffer.concat([head, this.#mac(head, deviceToken)]).toString('base64url')
  }

  /** Null when it is none of ours, is another browser's, or too old. */
  held(challenge: string, deviceToken: string, now: number): HeldChallenge | null {
    const bytes = Buffer.from(challenge, 'base64url')
    if (bytes.length !== RANDOM_BYTES + TIME_BYTES + MAC_BYTES) return null
    const head = bytes.subarray(0, RANDOM_BYTES + TIME_BYTES)
    if (!timingSafeEqual(bytes.subarray(RANDOM_BYTES + TIME_BYTES), this.#mac(head, deviceToken))) return null
    const madeAt = Number(head.readBigUInt64BE(RANDOM_BYTES))
    if (now - madeAt > LASTS_MS) return null
    return { hash: hash('sha256', bytes, 'buffer'), expiresAt: new Date(madeAt + LASTS_MS) }
  }

  #mac(head: Buffer, deviceToken: string): Buffer {
    return createHmac('sha256', this.#key).update(head).update(deviceToken).digest().subarray(0, MAC_BYTES)
  }
}
