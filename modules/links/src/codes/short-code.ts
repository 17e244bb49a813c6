/**
 * Short codes: a number becomes seven Base62 characters that look random and never repeat.
 *
 * Numbers come from a database sequence, so each is used once. A plain counter would let anybody walk through all links
 * and read off how many there are; so the number first goes through a permutation of [0, 62⁷) that is keyed with a
 * secret of the installation. A permutation has no collisions, so no "does this code exist" query is needed.
 *
 *   number ──▶ Feistel on 42 bits (21 + 21, 8 rounds, AES-128 as round function) ──▶ ≥ 62⁷? once more ──▶ Base62
 *
 * 2⁴² is 1.25 times 62⁷, so "once more" (cycle walking) costs a quarter of a walk on average and keeps the mapping a
 * bijection. Both halves are 21 bits and the whole is 42, so ordinary numbers are exact: no BigInt.
 *
 * Rejected: random codes with a uniqueness check (retries, and a query for each), Hashids and Sqids (reversible without
 * a key), Snowflake ids (eleven characters that tell time and node).
 */
import { createCipheriv } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const LENGTH = 7
const ROUNDS = 8
const HALF_BITS = 21
/** Bytes that AES takes at once. */
const BLOCK = 16
const HALF = 2 ** HALF_BITS
const HALF_MASK = HALF - 1

/** How many codes there are: 62⁷ = 3,521,614,606,208. Numbers run from 0 up to this, exclusive. */
export const CODE_SPACE = 62 ** LENGTH

/**
 * A keyed bijection from [0, {@link CODE_SPACE}) to seven-character Base62 strings (`0-9A-Za-z`, most significant
 * first).
 */
export interface CodePermutation {
  /** The code of a number. Throws a RangeError outside [0, {@link CODE_SPACE}). */
  encode(number: number): string
  /** The codes of the numbers from `start` up to `end`, exclusive: a tenth of the work of one after the other. */
  encodeRange(start: number, end: number): string[]
  /**
   * The number of a code, or null when it is not a seven-character Base62 string. For diagnosis; redirects look codes
   * up.
   */
  decode(code: string): number | null
}

/**
 * Builds the permutation of a key.
 * @param key exactly 16 bytes (AES-128). Another key gives another order of the same codes, so a key in use is kept.
 */
export function codePermutation(key: Uint8Array): CodePermutation {
  if (key.length !== 16) throw new RangeError(`a short code key has 16 bytes, not ${key.length}`)
  const round = roundFunction(key)
  const encodeAll = (numbers: readonly number[]): string[] => {
    const values = forward(round, numbers)
    for (let outside = placesOutside(values); outside.length > 0; outside = placesOutside(values)) {
      const walked = forward(
        round,
        outside.map((place) => values[place] as number),
      )
      for (const [index, place] of outside.entries()) values[place] = walked[index] as number
    }
    return values.map(toBase62)
  }
  return {
    encode(number) {
      checkNumber(number)
      return encodeAll([number])[0] as string
    },
    encodeRange(start, end) {
      if (start >= end) return []
      checkNumber(start)
      checkNumber(end - 1)
      return encodeAll(Array.from({ length: end - start }, (_, index) => start + index))
    },
    decode(code) {
      let value = fromBase62(code)
      if (value === null) return null
      do value = backward(round, value)
      while (value >= CODE_SPACE)
      return value
    },
  }
}

function checkNumber(number: number): void {
  if (Number.isInteger(number) && number >= 0 && number < CODE_SPACE) return
  throw new RangeError(`a short code number lies in [0, ${CODE_SPACE}), not ${number}`)
}

/** Which values are no codes yet. */
function placesOutside(values: readonly number[]): number[] {
  const places: number[] = []
  for (let place = 0; place < values.length; place++) if ((values[place] as number) >= CODE_SPACE) places.push(place)
  return places
}

type RoundFunction = (round: number, halves: readonly number[]) => number[]

/**
 * Many halves are one call of the cipher, which costs more than its work. ECB never chains and never buffers a whole
 * block, so one object serves all.
 */
function roundFunction(key: Uint8Array): RoundFunction {
  const cipher = createCipheriv('aes-128-ecb', key, null)
  cipher.setAutoPadding(false)
  return (round, halves) => {
    const blocks = Buffer.alloc(halves.length * BLOCK)
    for (let index = 0; index < halves.length; index++) {
      blocks[index * BLOCK] = round
      blocks.writeUInt32BE(halves[index] as number, index * BLOCK + 12)
    }
    const out = cipher.update(blocks)
    return halves.map((_, index) => out.readUIntBE(index * BLOCK + 5, 3) & HALF_MASK)
  }
}

function forward(round: RoundFunction, values: readonly number[]): number[] {
  let left = values.map((value) => Math.floor(value / HALF))
  let right = values.map((value) => value % HALF)
  for (let r = 0; r < ROUNDS; r++) {
    const mixed = round(r, right)
    const next = left.map((half, index) => half ^ (mixed[index] as number))
    left = right
    right = next
  }
  return left.map((half, index) => half * HALF + (right[index] as number))
}

function backward(round: RoundFunction, value: number): number {
  let left = Math.floor(value / HALF)
  let right = value % HALF
  for (let r = ROUNDS - 1; r >= 0; r--) {
    const previous = right ^ (round(r, [left])[0] as number)
    right = left
    left = previous
  }
  return left * HALF + right
}

function toBase62(value: number): string {
  let code = ''
  let rest = value
  for (let i = 0; i < LENGTH; i++) {
    code = ALPHABET.charAt(rest % 62) + code
    rest = Math.floor(rest / 62)
  }
  return code
}

function fromBase62(code: string): number | null {
  if (code.length !== LENGTH) return null
  let value = 0
  for (const character of code) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return null
    value = value * 62 + digit
  }
  return value
}
