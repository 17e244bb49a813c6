import { CODE_SPACE, type CodePermutation } from './short-code.ts'
import { isKindCode } from './slug.ts'

/** How many numbers one lease brings; the step of the sequence in the database. */
const CODE_BLOCK = 1000

/**
 * Generated codes of one process. The sequence in the database hands out blocks of {@link CODE_BLOCK} numbers; a block
 * belongs to the process that drew it, which turns the numbers into codes without asking again. A number is used at most
 * once: a transaction that fails wastes its number, a crash wastes the rest of a block, and neither ever repeats one.
 *
 * When a block ends while many create at once, each draws a block and all blocks are used, so nobody waits for another's
 * transaction.
 */
export class CodeSupply {
  readonly #permutation: CodePermutation
  readonly #blocks: { next: number; readonly end: number }[] = []

  constructor(permutation: CodePermutation) {
    this.#permutation = permutation
  }

  /**
   * The next code that may be given out.
   * @param lease draws the first number of a fresh block
   */
  async next(lease: () => Promise<number>): Promise<string> {
    for (;;) {
      const number = this.#take()
      if (number === null) {
        const start = await lease()
        this.#blocks.push({ next: start, end: Math.min(start + CODE_BLOCK, CODE_SPACE) })
        continue
      }
      const code = this.#permutation.encode(number)
      if (isKindCode(code)) return code
    }
  }

  #take(): number | null {
    const block = this.#blocks[0]
    if (block === undefined) return null
    const number = block.next++
    if (block.next === block.end) this.#blocks.shift()
    return number
  }
}
