import { CODE_SPACE, type CodePermutation } from './short-code.ts'
import { isKindCode } from './slug.ts'

/** How many numbers one lease brings; the step of the sequence in the database. */
const CODE_BLOCK = 1000

/**
 * Generated codes of one process. The sequence in the database hands out blocks of {@link CODE_BLOCK} numbers; a block
 * belongs to the process that drew it, which turns its numbers into codes at once. A number is used at most
 * once: a transaction that fails wastes its number, a crash wastes the rest of a block, and neither ever repeats one.
 *
 * When a block ends while many create at once, each draws a block and all blocks are used, so nobody waits for
 * another's transaction.
 */
export class CodeSupply {
  readonly #permutation: Pick<CodePermutation, 'encodeRange'>
  /** The next one is the last. */
  #codes: string[] = []

  constructor(permutation: Pick<CodePermutation, 'encodeRange'>) {
    this.#permutation = permutation
  }

  /**
   * The next code that may be given out.
   * @param lease draws the first number of a fresh block
   */
  async next(lease: () => Promise<number>): Promise<string> {
    for (;;) {
      const code = this.#codes.pop()
      if (code !== undefined) return code
      const start = await lease()
      const drawn = this.#permutation.encodeRange(start, Math.min(start + CODE_BLOCK, CODE_SPACE)).filter(isKindCode)
      // Others may have drawn a block meanwhile: theirs comes first.
      this.#codes = [...drawn.reverse(), ...this.#codes]
    }
  }
}
