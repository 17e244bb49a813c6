/**
 * Which codes there may be: a Bloom filter of all codes. "No" is true of every code that it was told of; "yes" is wrong for
 * less than one unknown code in a thousand.
 *
 *   until all codes have been read ("yes" to everything) ─▶ reads ─▶ answers ──(twice as many codes)──▶ reads anew, larger
 *
 * Codes that are made while it reads are added to both the one that answers and the one that is being filled, so none is
 * missed: whoever hears of new codes must do so before the first page is read.
 *
 * The seed is another one in each process: nobody can look for codes that pass.
 */
import { randomBytes } from 'node:crypto'

/** Reads the codes that follow one, in their order; the first page follows the empty text. An empty page is the end. */
export type CodePages = (after: string) => Promise<readonly string[]>

/** Bits for each code when it is full. */
const BITS_PER_CODE = 16
const HASHES = 8
const LEAST = 2 ** 20
/** 256 MiB: 134 million codes at 16 bits each; beyond that it is wrong more often. */
const MOST = 2 ** 31

/** All codes, or none yet. */
export class CodeFilter {
  readonly #seed = randomBytes(4).readUInt32LE()
  #bits: Bits | null = null
  #filling: Bits | null = null

  /** Whether there may be such a code. */
  mayHave(code: string): boolean {
    return this.#bits === null || this.#bits.has(code, this.#seed)
  }

  /** There is such a code from now on. */
  add(code: string): void {
    this.#bits?.add(code, this.#seed)
    this.#filling?.add(code, this.#seed)
  }

  /** Whether all codes have been read. */
  get isFilled(): boolean {
    return this.#bits !== null
  }

  /** Whether it holds more codes than it was made for: then it should be filled anew. */
  get isFull(): boolean {
    return this.#bits?.isFull ?? false
  }

  /** Reads all codes, and answers by them from then on. @throws what `pages` throws; then it goes on as before */
  async fill(expected: number, pages: CodePages): Promise<void> {
    const filling = new Bits(Math.max(expected, this.#bits?.codes ?? 0) * 2)
    this.#filling = filling
    try {
      for (let after = ''; ; ) {
        const codes = await pages(after)
        for (const code of codes) filling.add(code, this.#seed)
        const last = codes.at(-1)
        if (last === undefined) break
        after = last
      }
      this.#bits = filling
    } finally {
      this.#filling = null
    }
  }
}

class Bits {
  codes = 0
  readonly #words: Uint32Array
  readonly #mask: number

  constructor(codes: number) {
    let bits = LEAST
    while (bits < codes * BITS_PER_CODE && bits < MOST) bits *= 2
    this.#words = new Uint32Array(bits / 32)
    this.#mask = bits - 1
  }

  get isFull(): boolean {
    return this.codes * BITS_PER_CODE > this.#words.length * 32 && this.#words.length * 32 < MOST
  }

  has(code: string, seed: number): boolean {
    const [first, step] = hashes(code, seed)
    for (let n = 0; n < HASHES; n++) {
      const bit = ((first + Math.imul(n, step)) & this.#mask) >>> 0
      if (((this.#words[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  add(code: string, seed: number): void {
    const [first, step] = hashes(code, seed)
    let isNew = false
    for (let n = 0; n < HASHES; n++) {
      const bit = ((first + Math.imul(n, step)) & this.#mask) >>> 0
      const word = this.#words[bit >>> 5] as number
      if ((word & (1 << (bit & 31))) === 0) isNew = true
      this.#words[bit >>> 5] = word | (1 << (bit & 31))
    }
    if (isNew) this.codes++
  }
}

/** Two numbers of 32 bits, the second one odd (Kirsch, Mitzenmacher, 2006: two make as many as are needed). */
function hashes(code: string, seed: number): [number, number] {
  let a = seed ^ 0x9e3779b9
  let b = ~seed
  for (let index = 0; index < code.length; index++) {
    const character = code.charCodeAt(index)
    a = Math.imul(a ^ character, 0x85ebca6b)
    a ^= a >>> 13
    b = Math.imul(b ^ character, 0xc2b2ae35)
    b ^= b >>> 15
  }
  a = Math.imul(a ^ (a >>> 16), 0x27d4eb2f)
  b = Math.imul(b ^ (b >>> 16), 0x165667b1)
  return [a ^ (a >>> 15), (b ^ (b >>> 14)) | 1]
}
