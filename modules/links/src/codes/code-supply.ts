import { CODE_SPACE, type CodePermutation } from './short-code.ts'
import { isKindCode } from './slug.ts'

/** How many numbers one lease brings; the step of the sequence in the database. */
const CODE_BLOCK = 1000

/**
 * Generated codes of one process. The sequence in the database hands out blocks of {@link CODE_BLOCK} numbers; a block
 * belongs to the process that drew it, which turns its numbers into codes at once. A number is used at most
 * once: a transaction that fails wastes its number, a crash wastes the rest of a block, and neither ever repeats one.
 *
 * When a block ends while many create at once, each draws a block and all blocks are used, so nobody waits for another's
 * transaction.
 *
 * A server that crashes may forget that it handed a block out, and hand it out again. So one code that turns out to be
 * taken is reason enough to give the rest of its block up.
 */
export class CodeSupply {
  readonly #permutation: CodePermutation
  /** By the first number; each with its next code last. */
  readonly #blocks = new Map<number, string[]>()

  constructor(permutation: CodePermutation) {
    this.#permutation = permutation
  }

  /**
   * The next code that may be given out.
   * @param lease draws the first number of a fresh block
   */
  async next(lease: () => Promise<number>): Promise<string> {
    for (;;) {
      for (const [start, codes] of this.#blocks) {
        const code = codes.pop()
        if (code !== undefined) return code
        this.#blocks.delete(start)
      }
      const start = await lease()
      const codes = this.#permutation.encodeRange(start, Math.min(start + CODE_BLOCK, CODE_SPACE))
      this.#blocks.set(start, codes.filter(isKindCode).reverse())
    }
  }

  /** The code is somebody's already: no other of its block is given out. */
  giveUpBlockOf(code: string): void {
    const number = this.#permutation.decode(code)
    if (number !== null) this.#blocks.delete(number - (number % CODE_BLOCK))
  }
}
