import type { Migration } from '../migration.ts'

/** What a problem breaks. */
export type LintRule =
  | 'name'
  | 'syntax'
  | 'index-locks'
  | 'concurrently-in-transaction'
  | 'alone'
  | 'column-not-null'
  | 'column-default'
  | 'column-rewrite'
  | 'set-not-null'
  | 'type-change'
  | 'drop'
  | 'rename'
  | 'constraint-locks'
  | 'validate-apart'
  | 'schema-name'
  | 'session'
  | 'role'
  | 'row-security'
  | 'foreign-table'
  | 'table-locks'
  | 'unknown-statement'

/** One thing wrong with one migration. */
export interface LintProblem {
  readonly owner: string
  readonly migration: string
  readonly rule: LintRule
  /** What is wrong, and what to do instead. */
  readonly message: string
  /** Line of the statement in the migration's text, from 1; 0 for the migration as a whole. */
  readonly line: number
}

/** What only holds others up for a while. A release that a migration breaks with is stopped before it: nobody is. */
const HOLDS_UP: ReadonlySet<LintRule> = new Set(['index-locks', 'column-rewrite'])

interface KnownTable {
  readonly owner: string
  readonly scope: Migration['scope']
  /** The migration that created it. */
  readonly createdBy: string
}

/** A CHECK constraint, as far as it proves that columns are not null. */
export interface KnownCheck {
  readonly notNull: readonly string[]
  readonly addedBy: string
  validated: boolean
}

/** What the lint knows when it stands at a statement: where it is, and what all migrations before have made. */
export class Review {
  readonly problems: LintProblem[] = []
  migration!: Migration
  #owner = ''
  #line = 0
  readonly #tables = new Map<string, KnownTable>()
  readonly #checks = new Map<string, KnownCheck>()

  begin(owner: string, migration: Migration): void {
    this.#owner = owner
    this.migration = migration
    this.#line = 0
  }

  /** Moves to the statement at a byte offset; white space and comments before it are skipped. */
  at(sql: string, offset: number): void {
    const bytes = Buffer.from(sql)
    const gap = /^(\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*/.exec(bytes.subarray(offset).toString())?.[0] ?? ''
    this.#line = `${bytes.subarray(0, offset)}${gap}`.split('\n').length
  }

  problem(rule: LintRule, message: string): void {
    if (this.migration.breaking && HOLDS_UP.has(rule)) return
    this.problems.push({ owner: this.#owner, migration: this.migration.name, rule, message, line: this.#line })
  }

  /** The migration that is looked at, unique among all. */
  get current(): string {
    return `${this.#owner}/${this.migration.name}`
  }

  created(table: string): void {
    this.#tables.set(table, { owner: this.#owner, scope: this.migration.scope, createdBy: this.current })
  }

  dropped(table: string): void {
    this.#tables.delete(table)
  }

  /** Whether the table may have rows and users: it was not created in this migration. */
  exists(table: string): boolean {
    return this.#tables.get(table)?.createdBy !== this.current
  }

  /** Reports a change to a table that is not this set's in this scope. */
  mine(table: string): void {
    const known = this.#tables.get(table)
    if (!known) {
      this.problem('foreign-table', `no migration before this one creates the table ${table}`)
    } else if (known.owner !== this.#owner) {
      this.problem('foreign-table', `the table ${table} belongs to '${known.owner}', which alone may change it`)
    } else if (known.scope !== this.migration.scope) {
      this.problem(
        'foreign-table',
        `the table ${table} is ${known.scope}, this migration is ${this.migration.scope}: it would run once for every schema, or for none`,
      )
    }
  }

  addCheck(table: string, name: string, notNull: readonly string[], validated: boolean): void {
    this.#checks.set(`${table}.${name}`, { notNull, addedBy: this.current, validated })
  }

  check(table: string, name: string): KnownCheck | undefined {
    return this.#checks.get(`${table}.${name}`)
  }

  dropCheck(table: string, name: string): void {
    this.#checks.delete(`${table}.${name}`)
  }

  /** Whether a validated CHECK proves that the column has no nulls. */
  provenNotNull(table: string, column: string): boolean {
    return [...this.#checks].some(
      ([key, known]) => key.startsWith(`${table}.`) && known.validated && known.notNull.includes(column),
    )
  }
}
