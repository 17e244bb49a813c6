import type {
  CreateFunctionStmt,
  CreateStmt,
  CreateTableAsStmt,
  DropStmt,
  GrantStmt,
  IndexStmt,
  Node,
  RawStmt,
  RenameStmt,
  TruncateStmt,
  VariableSetStmt,
  ViewStmt,
} from 'libpg-query'
import { notNullColumns } from './alter-table.ts'
import type { Review } from './review.ts'

type Check = (review: Review, node: never) => void

const nothing: Check = () => {}
const locks =
  (what: string): Check =>
  (review) =>
    review.problem('table-locks', `${what} locks the table while it works`)
const roles: Check = (review) =>
  review.problem('role', 'roles and owners are the business of the installation, not of a migration')

/** What each statement is checked for. A statement that is not here is a problem. */
const CHECKS: Record<string, Check> = {
  CreateStmt: createTable,
  CreateTableAsStmt: (review, node: CreateTableAsStmt) => review.created(node.into?.rel?.relname ?? ''),
  IndexStmt: createIndex,
  DropStmt: drop,
  RenameStmt: rename,
  CreateFunctionStmt: createFunction,
  ViewStmt: createView,
  GrantStmt: grant,
  SelectStmt: settings,
  InsertStmt: settings,
  UpdateStmt: settings,
  DeleteStmt: settings,
  CreatePolicyStmt: nothing,
  AlterPolicyStmt: nothing,
  CreateTrigStmt: nothing,
  CreateSeqStmt: nothing,
  AlterSeqStmt: nothing,
  CreateEnumStmt: nothing,
  AlterEnumStmt: nothing,
  CreateDomainStmt: nothing,
  CompositeTypeStmt: nothing,
  CommentStmt: nothing,
  CreateStatsStmt: nothing,
  VariableSetStmt: setVariable,
  TransactionStmt: (review) => review.problem('session', 'the runner begins and commits'),
  DoStmt: (review) => review.problem('unknown-statement', 'the lint cannot see into a DO block'),
  CreateSchemaStmt: (review) => review.problem('schema-name', 'schemas come from placements'),
  CreateRoleStmt: roles,
  AlterRoleStmt: roles,
  AlterRoleSetStmt: roles,
  DropRoleStmt: roles,
  GrantRoleStmt: roles,
  AlterOwnerStmt: roles,
  LockStmt: locks('LOCK TABLE'),
  ClusterStmt: locks('CLUSTER'),
  VacuumStmt: locks('VACUUM in a migration'),
  ReindexStmt: locks('REINDEX'),
  RefreshMatViewStmt: locks('REFRESH MATERIALIZED VIEW'),
  TruncateStmt: truncate,
}

/** Every statement but ALTER TABLE. */
export function checkStatement(review: Review, kind: string, node: unknown): void {
  const check = CHECKS[kind] as ((review: Review, node: unknown) => void) | undefined
  if (check) check(review, node)
  else review.problem('unknown-statement', `${kind} is not known to the lint`)
}

/** Without a transaction a migration is one statement that can be repeated. */
export function checkAlone(review: Review, statements: readonly RawStmt[]): void {
  const [only] = statements
  const node = (only?.stmt ?? {}) as Partial<{ IndexStmt: IndexStmt; DropStmt: DropStmt }>
  const repeatable =
    (node.IndexStmt?.concurrent && node.IndexStmt.if_not_exists) ||
    (node.DropStmt?.concurrent && node.DropStmt.missing_ok)
  if (statements.length === 1 && repeatable) return
  review.problem(
    'alone',
    'without a transaction there is one statement: CREATE INDEX CONCURRENTLY IF NOT EXISTS or DROP INDEX CONCURRENTLY IF EXISTS',
  )
}

function createTable(review: Review, node: CreateStmt): void {
  const table = node.relation?.relname ?? ''
  const parent = node.partbound && node.inhRelations?.[0]
  if (parent && 'RangeVar' in parent && review.exists(parent.RangeVar.relname ?? '')) {
    review.problem(
      'table-locks',
      'CREATE TABLE … PARTITION OF locks the parent: create the table, then ATTACH PARTITION',
    )
  }
  review.created(table)
  for (const element of node.tableElts ?? []) {
    if (!('Constraint' in element) || element.Constraint.contype !== 'CONSTR_CHECK') continue
    const { conname, raw_expr: expression } = element.Constraint
    if (conname && expression) review.addCheck(table, conname, notNullColumns(expression), true)
  }
}

function createIndex(review: Review, node: IndexStmt): void {
  const table = node.relation?.relname ?? ''
  review.mine(table)
  if (node.concurrent && review.migration.transactional !== false) {
    review.problem('concurrently-in-transaction', `${node.idxname} is built CONCURRENTLY: set transactional to false`)
  }
  if (!node.concurrent && review.exists(table)) {
    review.problem('index-locks', `an index on the existing table ${table} stops all writes: build it CONCURRENTLY`)
  }
}

/** Objects that hold data or are named by running code. */
const WANTED = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_SEQUENCE',
  'OBJECT_TYPE',
  'OBJECT_DOMAIN',
  'OBJECT_FUNCTION',
  'OBJECT_PROCEDURE',
])

function drop(review: Review, node: DropStmt): void {
  const { removeType = '', objects = [], concurrent = false } = node
  const what = removeType.slice('OBJECT_'.length)
  if (removeType === 'OBJECT_SCHEMA') {
    review.problem('schema-name', 'schemas come and go with placements')
    return
  }
  if (removeType === 'OBJECT_INDEX') {
    if (concurrent && review.migration.transactional !== false) {
      review.problem('concurrently-in-transaction', 'DROP INDEX CONCURRENTLY: set transactional to false')
    }
    if (!concurrent) review.problem('index-locks', 'DROP INDEX stops all use of its table: drop it CONCURRENTLY')
    return
  }
  for (const name of objects.map(lastName)) {
    if (removeType === 'OBJECT_TABLE') {
      review.mine(name)
      if (!review.exists(name)) continue
      review.dropped(name)
    }
    if (WANTED.has(removeType) && !review.migration.breaking) {
      review.problem(
        'drop',
        `drops the ${what.toLowerCase()} ${name}: the running release may use it; mark the migration as breaking`,
      )
    }
  }
}

function lastName(node: Node): string {
  const last = 'List' in node ? node.List.items?.at(-1) : node
  if (last && 'String' in last) return last.String.sval ?? ''
  return last && 'ObjectWithArgs' in last ? lastName({ List: { items: last.ObjectWithArgs.objname ?? [] } }) : ''
}

const RENAMED_FREELY = new Set(['OBJECT_INDEX', 'OBJECT_TABCONSTRAINT', 'OBJECT_POLICY', 'OBJECT_TRIGGER'])

function rename(review: Review, node: RenameStmt): void {
  if (RENAMED_FREELY.has(node.renameType ?? '')) return
  const name = [node.relation?.relname, node.subname].filter(Boolean).join('.')
  review.problem(
    'rename',
    `renames ${name}: no release can run before and after; add the new one, copy, drop the old one`,
  )
}

function createFunction(review: Review, node: CreateFunctionStmt): void {
  const definer = (node.options ?? []).some(
    (option) =>
      'DefElem' in option &&
      option.DefElem.defname === 'security' &&
      option.DefElem.arg !== undefined &&
      'Boolean' in option.DefElem.arg &&
      option.DefElem.arg.Boolean.boolval === true,
  )
  if (definer) review.problem('row-security', 'a SECURITY DEFINER function acts as the owner for whoever calls it')
}

function createView(review: Review, node: ViewStmt): void {
  const invoker = (node.options ?? []).some(
    (option) => 'DefElem' in option && option.DefElem.defname === 'security_invoker',
  )
  if (!invoker) {
    review.problem('row-security', 'a view reads as its owner: create it WITH (security_invoker = true)')
  }
}

function grant(review: Review, node: GrantStmt): void {
  if (node.targtype !== 'ACL_TARGET_OBJECT' || node.objtype === 'OBJECT_SCHEMA') {
    review.problem('schema-name', 'grants on a whole schema come with its placement')
  }
}

function truncate(review: Review, node: TruncateStmt): void {
  for (const relation of node.relations ?? []) {
    const table = 'RangeVar' in relation ? (relation.RangeVar.relname ?? '') : ''
    if (review.exists(table))
      review.problem('table-locks', `TRUNCATE locks the existing table ${table}, and its rows are gone`)
  }
}

function setVariable(review: Review, { name = 'settings' }: VariableSetStmt): void {
  const rule = name === 'role' || name === 'session_authorization' ? 'role' : 'session'
  review.problem(rule, `sets ${name}: the runner decides role, search path and time-outs`)
}

/** `set_config` is SET in the clothes of a function. */
function settings(review: Review, node: unknown): void {
  if (JSON.stringify(node).includes('"set_config"')) setVariable(review, { name: 'a variable by set_config' })
}
