import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint, Node } from 'libpg-query'
import type { Review } from './review.ts'

/** Changes of the catalogue alone: the lock is held for a moment, and the lock timeout bounds the wait for it. */
const HARMLESS = new Set([
  'AT_ColumnDefault',
  'AT_DropNotNull',
  'AT_SetStatistics',
  'AT_SetOptions',
  'AT_ResetOptions',
  'AT_SetStorage',
  'AT_SetCompression',
  'AT_SetRelOptions',
  'AT_ResetRelOptions',
  'AT_ReplicaIdentity',
  'AT_EnableRowSecurity',
  'AT_ForceRowSecurity',
  'AT_SetIdentity',
  'AT_DropIdentity',
  'AT_AttachPartition',
])

/** Every command of an ALTER TABLE. */
export function checkAlterTable(review: Review, { relation, cmds = [], objtype }: AlterTableStmt): void {
  const table = relation?.relname ?? ''
  if (objtype !== 'OBJECT_TABLE') {
    if (objtype !== 'OBJECT_INDEX')
      review.problem('unknown-statement', `ALTER of a ${objtype} is not known to the lint`)
    return
  }
  review.mine(table)
  for (const node of cmds) if ('AlterTableCmd' in node) checkCommand(review, table, node.AlterTableCmd)
}

function checkCommand(review: Review, table: string, command: AlterTableCmd): void {
  const { subtype = '', name = '', def } = command
  if (subtype === 'AT_ChangeOwner') {
    review.problem('role', 'tables belong to whoever runs the migrations')
    return
  }
  if (subtype === 'AT_DisableRowSecurity' || subtype === 'AT_NoForceRowSecurity') {
    review.problem('row-security', `switches row level security of ${table} off`)
    return
  }
  if (subtype === 'AT_DropConstraint') review.dropCheck(table, name)
  if (subtype === 'AT_AddConstraint' && def && 'Constraint' in def) {
    addConstraint(review, table, def.Constraint)
    return
  }
  if (subtype === 'AT_ValidateConstraint') {
    validate(review, table, name)
    return
  }
  if (!review.exists(table) || HARMLESS.has(subtype) || subtype === 'AT_DropConstraint') return
  switch (subtype) {
    case 'AT_AddColumn':
      if (def && 'ColumnDef' in def) addColumn(review, def.ColumnDef)
      return
    case 'AT_SetNotNull':
      setNotNull(review, table, name)
      return
    case 'AT_AlterColumnType':
      review.problem(
        'type-change',
        `changing the type of ${table}.${name} can rewrite the table and its indexes under a full lock: add a column, copy in batches, switch`,
      )
      return
    case 'AT_DropColumn':
      if (!review.migration.breaking) {
        review.problem(
          'drop',
          `drops the column ${table}.${name}: the running release still reads it; mark the migration as breaking`,
        )
      }
      return
    default:
      review.problem('table-locks', `${subtype.slice(3)} on the existing table ${table} locks it while it works`)
      return
  }
}

function addColumn(review: Review, column: ColumnDef): void {
  const { colname = '', typeName, constraints = [] } = column
  const type = typeName?.names?.at(-1)
  if (type && 'String' in type && /serial/.test(type.String.sval ?? '')) {
    review.problem('column-rewrite', `the column ${colname} numbers every existing row: the table is rewritten`)
  }
  const all = constraints.flatMap((node) => ('Constraint' in node ? [node.Constraint] : []))
  const standard = all.find((constraint) => constraint.contype === 'CONSTR_DEFAULT')?.raw_expr
  for (const constraint of all) columnConstraint(review, colname, constraint)
  if (standard && !isConstant(standard)) {
    review.problem(
      'column-default',
      `the default of ${colname} is computed for every existing row: the table is rewritten`,
    )
  }
  const notNull = all.some((constraint) => constraint.contype === 'CONSTR_NOTNULL')
  if (notNull && (!standard || isNull(standard))) {
    review.problem(
      'column-not-null',
      `the column ${colname} is NOT NULL without a default: existing rows have no value`,
    )
  }
}

function columnConstraint(review: Review, column: string, { contype }: Constraint): void {
  switch (contype) {
    case 'CONSTR_IDENTITY':
    case 'CONSTR_GENERATED':
      review.problem(
        'column-rewrite',
        `the column ${column} is computed for every existing row: the table is rewritten`,
      )
      return
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
      review.problem(
        'constraint-locks',
        `the key on ${column} builds an index under a full lock: create a unique index CONCURRENTLY, then ADD CONSTRAINT … USING INDEX`,
      )
      return
    case 'CONSTR_CHECK':
    case 'CONSTR_FOREIGN':
      review.problem(
        'constraint-locks',
        `the constraint on ${column} is checked on every row under a lock: ADD CONSTRAINT … NOT VALID, and VALIDATE in a later migration`,
      )
      return
    default:
  }
}

/** The value is the same for all rows: PostgreSQL keeps it in the catalogue and rewrites nothing. */
function isConstant(expression: Node): boolean {
  if ('A_Const' in expression || 'SQLValueFunction' in expression) return true
  if ('TypeCast' in expression) return expression.TypeCast.arg !== undefined && isConstant(expression.TypeCast.arg)
  if ('A_ArrayExpr' in expression) return (expression.A_ArrayExpr.elements ?? []).every(isConstant)
  if ('A_Expr' in expression) {
    const { lexpr, rexpr } = expression.A_Expr
    return (!lexpr || isConstant(lexpr)) && (!rexpr || isConstant(rexpr))
  }
  if (!('FuncCall' in expression)) return false
  const name = expression.FuncCall.funcname?.at(-1)
  return !!name && 'String' in name && /^(now|transaction_timestamp|statement_timestamp)$/.test(name.String.sval ?? '')
}

function isNull(expression: Node): boolean {
  if ('TypeCast' in expression) return expression.TypeCast.arg !== undefined && isNull(expression.TypeCast.arg)
  return 'A_Const' in expression && expression.A_Const.isnull === true
}

function setNotNull(review: Review, table: string, column: string): void {
  if (review.provenNotNull(table, column)) return
  review.problem(
    'set-not-null',
    `SET NOT NULL on ${table}.${column} reads the whole table under a full lock: first a validated CHECK (${column} IS NOT NULL)`,
  )
}

function addConstraint(review: Review, table: string, constraint: Constraint): void {
  const { contype, conname = '', skip_validation: notValid = false, indexname } = constraint
  if (contype === 'CONSTR_CHECK' && constraint.raw_expr) {
    review.addCheck(table, conname, notNullColumns(constraint.raw_expr), !notValid)
  }
  if (!review.exists(table)) return
  switch (contype) {
    case 'CONSTR_CHECK':
    case 'CONSTR_FOREIGN':
      if (notValid) return
      review.problem(
        'constraint-locks',
        `the constraint ${conname} is checked on every row of ${table} under a lock: add it NOT VALID, and VALIDATE it in a later migration`,
      )
      return
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
      if (indexname !== undefined) return
      review.problem(
        'constraint-locks',
        `the key ${conname} builds an index of ${table} under a full lock: create a unique index CONCURRENTLY, then USING INDEX`,
      )
      return
    case 'CONSTR_NOTNULL':
      review.problem('set-not-null', `NOT NULL as a constraint is not to be had before PostgreSQL 18`)
      return
    default:
      review.problem(
        'constraint-locks',
        `the constraint ${conname} is checked on every row of ${table} under a full lock`,
      )
      return
  }
}

function validate(review: Review, table: string, name: string): void {
  const known = review.check(table, name)
  if (known) known.validated = true
  if (known?.addedBy === review.current && review.exists(table)) {
    review.problem(
      'validate-apart',
      `${name} is validated in the migration that adds it: the lock of the adding is held while every row of ${table} is read`,
    )
  }
}

/** The columns that a CHECK expression proves to be not null. */
export function notNullColumns(expression: Node): string[] {
  if ('BoolExpr' in expression) {
    return expression.BoolExpr.boolop === 'AND_EXPR' ? (expression.BoolExpr.args ?? []).flatMap(notNullColumns) : []
  }
  if (!('NullTest' in expression) || expression.NullTest.nulltesttype !== 'IS_NOT_NULL') return []
  const { arg } = expression.NullTest
  const field = arg && 'ColumnRef' in arg ? arg.ColumnRef.fields?.at(-1) : undefined
  return field && 'String' in field && field.String.sval ? [field.String.sval] : []
}
