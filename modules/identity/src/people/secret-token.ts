/**
 * Tokens that somebody holds and we know again: of sessions, of devices, of mailed links. 256 random bits; what is kept
 * is their SHA-256, so a stolen table opens nothing. A slow hash would add nothing, because they cannot be guessed.
 */
import { hash, randomBytes } from 'node:crypto'

const TOKEN = /^[A-Za-z0-9_-]{43}$/

/** A new token: 43 characters of base64url. */
export function mintToken(): string {
  return randomBytes(32).toString('base64url')
}

/** What is kept of a token; null for what cannot be one, which need not be looked for. */
export function tokenHash(token: string | undefined | null): Buffer | null {
  return typeof token === 'string' && TOKEN.test(token) ? hash('sha256', token, 'buffer') : null
}

/** What is kept of a token that was minted here. */
export function hashOf(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}
