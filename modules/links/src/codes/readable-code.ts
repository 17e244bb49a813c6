/**
 * Codes to be read aloud or typed from paper: eight characters of Crockford's base32 in lower case, by chance. There is no
 * `i`, `l`, `o` or `u`, and whoever writes `O` for `0`, `I` or `L` for `1`, or capitals, is led to the same link. Two of
 * 2⁴⁰ are hardly ever the same; when they are, the directory refuses the second one and another is drawn.
 */
import { randomBytes } from 'node:crypto'
import { isKindCode } from './slug.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const LENGTH = 8

/** A code that may be given out. */
export function readableCode(): string {
  for (;;) {
    // 256 is a multiple of 32.
    const code = Array.from(randomBytes(LENGTH), (byte) => ALPHABET.charAt(byte % 32)).join('')
    if (isKindCode(code)) return code
  }
}

/** The readable code that was meant; null when it is none, or written as it is given out. */
export function meantCode(text: string): string | null {
  if (text.length !== LENGTH || !/^[0-9a-tv-z]+$/i.test(text)) return null
  const meant = text.toLowerCase().replaceAll('o', '0').replaceAll(/[il]/g, '1')
  return meant === text ? null : meant
}
