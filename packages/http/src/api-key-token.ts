/*
 * An API key as its owner holds it: `stoa_<16 base62>_<32 base62>`. The first part (95 bits) names the key and may be
 * shown; the second (190 bits) is the secret. What is stored is an HMAC of the whole under a key of the installation: a
 * stolen table neither gives a key nor lets one be tried without that secret. A slow password hash would add nothing,
 * because 190 random bits cannot be guessed.
 */
import { createHmac, hash, randomBytes } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const NAME_LENGTH = 16
const SECRET_LENGTH = 32
const TOKEN = /^stoa_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}$/
/** How every key begins, so that scanners of leaked secrets find them. */
export const TOKEN_START = 'stoa_'
/** The length of a key in characters. */
const TOKEN_LENGTH = TOKEN_START.length + NAME_LENGTH + 1 + SECRET_LENGTH

/** A new key. */
export function mintToken(): string {
  return `${TOKEN_START}${base62(NAME_LENGTH)}_${base62(SECRET_LENGTH)}`
}

/** Whether it has the form of a key. What has not never reaches the database. */
export function isToken(text: string): boolean {
  return text.length === TOKEN_LENGTH && TOKEN.test(text)
}

/** The part of a key that names it: `stoa_` and 16 characters. */
export function prefixOf(token: string): string {
  return token.slice(0, TOKEN_START.length + NAME_LENGTH)
}

/** What is stored of a key. */
export function storedHash(secret: Buffer, token: string): Buffer {
  return createHmac('sha256', secret).update(token).digest()
}

/**
 * What a key is remembered under in memory: SHA-256, half a microsecond, so that no process holds keys in the clear.
 */
export function digestOf(token: string): string {
  return hash('sha256', token, 'base64')
}

/** Random base62 characters, each equally likely: bytes from 248 on are thrown away. */
function base62(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && text.length < length) text += ALPHABET[byte % 62]
    }
  }
  return text
}
