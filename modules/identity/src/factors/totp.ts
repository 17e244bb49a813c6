/*
 * Codes of authenticator apps (TOTP, RFC 6238): HMAC-SHA1 of the number of half minutes since 1970, six digits; what
 * every app can do. Pure: what was taken already is the caller's to know.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const STEP_MS = 30_000
const DIGITS = 6
const SECRET_BYTES = 20
/** Steps before and after the present one that are taken too: clocks differ, and people type slowly. */
const WINDOW = 1
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** A new secret: 160 bits (RFC 4226, 4, R6). */
export function newTotpSecret(): Buffer {
  return randomBytes(SECRET_BYTES)
}

/** The code of a step. */
export function totpCode(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', secret).update(counter).digest()
  const at = (mac[mac.length - 1] as number) & 0x0f
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 10 ** DIGITS).padStart(DIGITS, '0')
}

/** The step of a moment. */
export function totpStep(now: number): number {
  return Math.floor(now / STEP_MS)
}

/**
 * The step whose code this is; null when it is that of none around now. All are compared, so that the time says nothing.
 *
 * @param after the last step whose code was taken: no code is taken twice, nor an older one after it
 */
export function matchingStep(secret: Buffer, code: string, now: number, after: number): number | null {
  const digits = code.replace(/\s/g, '')
  if (!/^\d{6}$/.test(digits)) return null
  const present = totpStep(now)
  let found: number | null = null
  for (let step = present - WINDOW; step <= present + WINDOW; step++) {
    const matches = timingSafeEqual(Buffer.from(totpCode(secret, step)), Buffer.from(digits))
    if (matches && step > after && found === null) found = step
  }
  return found
}

/** A secret as people type it into an app: base32 (RFC 4648, 6), without padding. */
export function base32(bytes: Buffer): string {
  let bits = 0
  let value = 0
  let text = ''
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    for (; bits >= 5; bits -= 5) text += ALPHABET[(value >>> (bits - 5)) & 31]
    value &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + ALPHABET[(value << (5 - bits)) & 31]
}

/** The address that apps read, as a link or as a picture. */
export function otpauthUrl(secret: Buffer, issuer: string, account: string): string {
  const query = new URLSearchParams({ secret: base32(secret), issuer })
  return `otpauth://totp/${encodeURIComponent(`${issuer}:${account}`)}?${String(query).replaceAll('+', '%20')}`
}
