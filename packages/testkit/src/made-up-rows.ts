import { type AdminSession, DatabaseError, identifier } from '@stoa/db'

interface ColumnShape {
  readonly name: string
  /** SQL for a value of its type, another one each time where the type has many. */
  readonly value: string
}

/** A tenant table, and how to make up a row of it. */
export interface TableShape {
  /** With its schema, as SQL. */
  readonly name: string
  readonly relation: readonly [schema: string, table: string]
  /** The columns that need a value, tenant_id aside. */
  readonly columns: readonly ColumnShape[]
  readonly lacksDefaultPartition: boolean
  /** An INSERT of a made-up row of this tenant. */
  insert(tenantId: string): string
}

interface ColumnRow {
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly type: string
  /** Of the base type: b base, e enumeration; arrays are `A` by category. */
  readonly category: string
  readonly label: string | null
  readonly open: boolean
}

/**
 * Every table with a tenant_id in these schemas, partitions aside; columns without a default that must have a value.
 */
const NEEDED_COLUMNS = `
select n.nspname::text as schema, c.relname::text as table, a.attname::text as column,
  format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null) as type, coalesce(b.typcategory, t.typcategory)::text as category,
  (select enumlabel::text from pg_enum where enumtypid = t.oid order by enumsortorder limit 1) as label,
  c.relkind = 'p' and not exists (select from pg_partitioned_table where partrelid = c.oid and partdefid <> 0) as open
from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype
where n.nspname = any($1::text[]) and c.relkind in ('r', 'p') and not c.relispartition
  and exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant_id' and not attisdropped)
  and (a.attname = 'tenant_id' or (a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attgenerated = ''))
order by n.nspname, c.relname, a.attnum`

/** The tenant tables of some schemas. */
export async function tenantTables(session: AdminSession, schemas: readonly string[]): Promise<TableShape[]> {
  const rows = await session.query<ColumnRow>(NEEDED_COLUMNS, [schemas])
  const byTable = Map.groupBy(rows, (row) => `${row.schema}.${row.table}`)
  return [...byTable].map(([name, columns]) => shape(name, columns))
}

function shape(name: string, rows: readonly ColumnRow[]): TableShape {
  const [{ schema, table, open }] = rows as [ColumnRow, ...ColumnRow[]]
  const columns = rows
    .filter((row) => row.column !== 'tenant_id')
    .map((row) => ({ name: row.column, value: madeUp(row) }))
  return {
    name,
    relation: [schema, table],
    columns,
    lacksDefaultPartition: open,
    insert(tenantId) {
      const names = ['tenant_id', ...columns.map((column) => identifier(column.name))]
      const values = [`'${tenantId}'`, ...columns.map((column) => column.value)]
      return `insert into ${identifier(schema)}.${identifier(table)} (${names.join(', ')}) values (${values.join(', ')})`
    },
  }
}

/** By the category of the type (pg_type.typcategory). */
const BY_CATEGORY: Record<string, string> = {
  A: "'{}'",
  B: 'false',
  D: 'now()',
  I: "'127.0.0.1'",
  N: '(random() * 10000)::int',
  R: "'empty'",
  S: 'left(md5(random()::text), 12)',
  T: "interval '1 day'",
}

const BY_TYPE: Record<string, string> = {
  uuid: 'gen_random_uuid()',
  jsonb: "'{}'",
  json: "'{}'",
  bytea: "decode(md5(random()::text), 'hex')",
  xid8: 'pg_current_xact_id()',
  tsvector: "''",
}

function madeUp({ schema, table, column, type, category, label }: ColumnRow): string {
  if (label !== null) return `'${label.replaceAll("'", "''")}'`
  const value = BY_TYPE[type] ?? BY_CATEGORY[category]
  if (value === undefined) {
    throw new Error(
      `no value can be made up for ${schema}.${table}.${column} of the type ${type}: seed a row of the table`,
    )
  }
  return value
}

/** 23514 check_violation */
const CHECK = '23514'

/** Inserts a made-up row as the owner, past foreign keys; CHECKs that it breaks are dropped for good. */
export async function insertMadeUp(session: AdminSession, table: TableShape, tenantId: string): Promise<void> {
  const name = table.relation.map(identifier).join('.')
  await session.exec('set session_replication_role = replica')
  for (;;) {
    try {
      await session.exec(table.insert(tenantId))
      break
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.sqlState !== CHECK) throw error
      await session.exec(
        error.constraint === undefined && table.lacksDefaultPartition
          ? `create table ${identifier(table.relation[0])}.${identifier(`${table.relation[1]}_made_up`)} partition of ${name} default`
          : `alter table ${name} drop constraint ${identifier(error.constraint ?? '')}`,
      )
    }
  }
  await session.exec('reset session_replication_role')
}
