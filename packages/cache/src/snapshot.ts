/**
 * A snapshot of PostgreSQL, from the text form of `pg_snapshot`: `xmin:xmax:xip,xip…`. It tells which transactions it
 * shows.
 */
export class Snapshot {
  readonly text: string
  /** Every transaction below has ended, and is shown if it was committed. */
  readonly xmin: number
  readonly #xmax: number
  readonly #open: ReadonlySet<number>

  /** @throws TypeError when the text is not one */
  constructor(text: string) {
    const [, xmin, xmax, open] = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text) ?? []
    if (xmin === undefined || xmax === undefined || open === undefined) throw new TypeError('not a snapshot')
    this.text = text
    this.xmin = Number(xmin)
    this.#xmax = Number(xmax)
    this.#open = new Set(open === '' ? [] : open.split(',').map(Number))
  }

  /** Whether what the transaction committed can be seen in it. */
  shows(transaction: number): boolean {
    return transaction < this.xmin || (transaction < this.#xmax && !this.#open.has(transaction))
  }
}
