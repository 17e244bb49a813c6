/**
 * The lint of migrations: what would lock a big table, break the release that is still running, or only work in one
 * place.
 *
 * It reads the tree that PostgreSQL's own parser makes of the text, and it knows little but is strict: a statement it
 * does not know is a problem. "Existing" is every table that was not created in the same migration; what is created in
 * it is empty, and nobody waits for it. Migrations are looked at in the order in which they run, because some steps are
 * right only after others:
 *
 *     add constraint … check (x is not null) not valid   →   validate constraint …   →   alter column x set not null
 *              (one migration)                               (a later one)               (there, or later)
 */
import { loadModule, parseSync } from 'libpg-query'
import { checkAlterTable } from './lint/alter-table.ts'
import { checkNames } from './lint/names.ts'
import { Review } from './lint/review.ts'
import { checkAlone, checkStatement } from './lint/statements.ts'
import type { Migration, MigrationSet } from './migration.ts'

export type { LintProblem, LintRule } from './lint/review.ts'

import type { LintProblem } from './lint/review.ts'

/** Every problem of the given sets, which are all the sets of a program in the order in which they run. */
export async function lintMigrations(sets: readonly MigrationSet[]): Promise<LintProblem[]> {
  await loadModule()
  const review = new Review()
  for (const set of sets) {
    let previous = ''
    for (const migration of set.migrations) {
      review.begin(set.owner, migration)
      checkName(review, migration, previous)
      lintOne(review, migration)
      previous = migration.name
    }
  }
  return review.problems
}

function checkName(review: Review, migration: Migration, previous: string): void {
  if (!/^\d{4}_[a-z0-9]+(_[a-z0-9]+)*$/.test(migration.name)) {
    review.problem('name', `'${migration.name}' is not four digits, an underscore and lower case words`)
  }
  if (migration.name.slice(0, 4) <= previous.slice(0, 4) && previous !== '') {
    review.problem('name', `'${migration.name}' does not come after '${previous}'`)
  }
}

function lintOne(review: Review, migration: Migration): void {
  const statements = parsed(review, migration.up)
  if (migration.transactional === false) checkAlone(review, statements)
  for (const { stmt, stmt_location: location = 0 } of statements) {
    const [entry] = Object.entries(stmt ?? {})
    if (!entry) continue
    review.at(migration.up, location)
    const [kind, node] = entry
    checkNames(review, kind, node)
    if (kind === 'AlterTableStmt') checkAlterTable(review, node)
    else checkStatement(review, kind, node)
  }
}

function parsed(review: Review, sql: string): NonNullable<ReturnType<typeof parseSync>['stmts']> {
  try {
    const { stmts = [] } = parseSync(sql)
    if (stmts.length === 0) review.problem('syntax', 'there is no statement')
    return stmts
  } catch (error) {
    review.problem('syntax', error instanceof Error ? error.message : String(error))
    return []
  }
}
