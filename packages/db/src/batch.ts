/*
 * One flush to the server.
 *
 * A batch is a list of statements that leave together and come back together: Parse (first time only), Bind, Execute
 * for each, then one Sync. The same bytes go to PostgreSQL over a socket and to PGlite through its protocol entrance,
 * so both engines run the same code.
 *
 * PostgreSQL treats everything up to the Sync as one transaction unless BEGIN is among it: an error skips the rest and
 * rolls back. That is what makes a tenant-scoped read one round trip: [role + tenant + search path, statement, Sync].
 *
 * A statement is parsed once per connection under a name of its own and described that once; later executions send Bind
 * and Execute only and decode by the remembered columns. When a table changes its shape under a prepared statement the
 * server says 0A000, and the connection is given up (see db-errors.ts, `stalePlan`).
 */
import { serialize } from 'pg-protocol'
import type { DatabaseError } from './db-errors.ts'
import type { WireParam } from './parameters.ts'
import { type RowDecoder, rowDecoder, type WireField } from './row-decoder.ts'

/** One statement of a batch. */
export interface BatchStatement {
  readonly sql: string
  readonly parameters: readonly WireParam[]
  /** The namespace of the prepared statement: the same text under another search path is another plan. */
  readonly planKey: string
}

/** What one statement gave back. */
export interface StatementResult {
  readonly rows: Record<string, unknown>[]
  /** Rows read or written; 0 for commands without a count. */
  readonly count: number
  /** The command tag's first word: SELECT, INSERT, COMMIT, ROLLBACK … */
  readonly command: string
}

interface PreparedStatement {
  readonly name: string
  parsed: boolean
  /** Null until described; a statement that returns no rows has the empty decoder. */
  decode: RowDecoder | null
}

/**
 * How many statements one connection keeps prepared; the oldest is closed first. Each holds a plan in the server's
 * memory.
 */
const MAX_PREPARED = 500

const NO_ROWS: RowDecoder = () => ({})
const EXECUTE = serialize.execute()
const DESCRIBE = serialize.describe({ type: 'P' })
const SYNC = serialize.sync()

/** The prepared statements of one connection. */
export class PreparedStatements {
  /** By plan key, then by text: joining the two would copy and hash the text of every statement that is sent. */
  readonly #byPlan = new Map<string, Map<string, PreparedStatement>>()
  /** How to forget each, the oldest first. */
  readonly #ages = new Map<PreparedStatement, () => void>()
  readonly #enabled: boolean
  #counter = 0

  /**
   * @param enabled false behind a pooler that does not track prepared statements: every statement is then parsed anew
   */
  constructor(enabled: boolean) {
    this.#enabled = enabled
  }

  find({ planKey, sql }: BatchStatement, evicted: string[]): PreparedStatement {
    if (!this.#enabled) return { name: '', parsed: false, decode: null }
    const known = this.#byPlan.get(planKey)?.get(sql)
    if (known) return known
    if (this.#ages.size >= MAX_PREPARED) this.#evictOldest(evicted)
    const ofPlan = this.#byPlan.get(planKey) ?? new Map<string, PreparedStatement>()
    const fresh: PreparedStatement = { name: `s${++this.#counter}`, parsed: false, decode: null }
    this.#byPlan.set(planKey, ofPlan.set(sql, fresh))
    this.#ages.set(fresh, () => {
      ofPlan.delete(sql)
      if (ofPlan.size === 0) this.#byPlan.delete(planKey)
    })
    return fresh
  }

  clear(): void {
    this.#byPlan.clear()
    this.#ages.clear()
  }

  #evictOldest(evicted: string[]): void {
    for (const [oldest, forget] of this.#ages) {
      this.#ages.delete(oldest)
      forget()
      if (oldest.parsed) evicted.push(oldest.name)
      return
    }
  }
}

/** A batch on its way: its bytes, and the collector of what comes back. */
export class Batch {
  readonly bytes: Buffer
  readonly #steps: { readonly prepared: PreparedStatement; readonly parses: boolean }[] = []
  readonly #results: StatementResult[] = []
  #parsedUpTo = 0
  #rows: Record<string, unknown>[] = []
  #error: Error | null = null

  constructor(statements: readonly BatchStatement[], prepared: PreparedStatements) {
    const chunks: Buffer[] = []
    const evicted: string[] = []
    // The same new statement twice in one batch is parsed once: a second Parse under its name would be an error.
    const parsing = new Set<PreparedStatement>()
    for (const statement of statements) {
      const target = prepared.find(statement, evicted)
      const parses = !target.parsed && !parsing.has(target)
      if (parses) {
        if (target.name !== '') parsing.add(target)
        chunks.push(serialize.parse({ name: target.name, text: statement.sql }))
      }
      chunks.push(serialize.bind({ statement: target.name, values: statement.parameters as WireParam[] }))
      if (target.decode === null) chunks.push(DESCRIBE)
      chunks.push(EXECUTE)
      this.#steps.push({ prepared: target, parses })
    }
    for (const name of evicted) chunks.push(serialize.close({ type: 'S', name }))
    chunks.push(SYNC)
    this.bytes = Buffer.concat(chunks)
  }

  onParseComplete(): void {
    while (this.#parsedUpTo < this.#steps.length) {
      const step = this.#steps[this.#parsedUpTo++]
      if (step?.parses) {
        step.prepared.parsed = true
        return
      }
    }
  }

  onRowDescription(fields: readonly WireField[]): void {
    const step = this.#steps[this.#results.length]
    if (step) step.prepared.decode = rowDecoder(fields)
  }

  onDataRow(values: readonly (string | null)[]): void {
    if (this.#error) return
    const decode = this.#steps[this.#results.length]?.prepared.decode ?? NO_ROWS
    try {
      this.#rows.push(decode(values))
    } catch (cause) {
      // A value that cannot be decoded must fail the statement, not the connection: the protocol goes on to its Sync.
      this.#error = cause as Error
    }
  }

  onCommandComplete(tag: string): void {
    const step = this.#steps[this.#results.length]
    if (step && step.prepared.decode === null) step.prepared.decode = NO_ROWS
    this.#results.push({ rows: this.#rows, ...parseTag(tag) })
    this.#rows = []
  }

  onError(error: DatabaseError | Error): void {
    this.#error ??= error
  }

  /** The first error, or null. */
  get error(): Error | null {
    return this.#error
  }

  /** One result per statement, in order; complete when there is no error. */
  get results(): readonly StatementResult[] {
    return this.#results
  }

  /** How many statements the server finished: the one after them is at fault. */
  get finished(): number {
    return this.#results.length
  }
}

/** `INSERT 0 3` → { command: 'INSERT', count: 3 }. */
function parseTag(tag: string): { command: string; count: number } {
  const lastSpace = tag.lastIndexOf(' ')
  const count = lastSpace < 0 ? Number.NaN : Number(tag.slice(lastSpace + 1))
  const firstSpace = tag.indexOf(' ')
  return { command: firstSpace < 0 ? tag : tag.slice(0, firstSpace), count: Number.isNaN(count) ? 0 : count }
}
