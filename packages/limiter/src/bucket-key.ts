/*
 * Keys come from outside: an address, a header, a name that somebody typed. A store keeps at most 128 characters of
 * one; a longer key is kept as its SHA-256, so that a megabyte in a header costs 51 characters of memory. A key that
 * looks like such a hash is hashed too, else somebody could name another's bucket.
 */
import { createHash } from 'node:crypto'

const MAX_LENGTH = 128
const HASHED = 'sha256:'
/** Printable ASCII, which every engine stores as it is, whatever its encoding. */
const PLAIN = /^[\x20-\x7e]*$/

/** The key as it is kept in this process. */
export function boundedKey(key: string): string {
  return key.length <= MAX_LENGTH && !key.startsWith(HASHED) ? key : hashed(key)
}

/** The key as it is kept elsewhere: printable ASCII, at most 128 characters. */
export function portableKey(key: string): string {
  return key.length <= MAX_LENGTH && PLAIN.test(key) && !key.startsWith(HASHED) ? key : hashed(key)
}

/** By its UTF-16 units: two keys that differ in half a surrogate pair are two keys. */
function hashed(key: string): string {
  return HASHED + createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('base64url')
}
