import {
  CamelCasePlugin,
  type Compilable,
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'

/** A statement with its parameters, ready to be sent. `Row` is what it gives back; it exists in the type alone. */
export interface PreparedQuery<Row> {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly row?: Row
}

/** What a transaction runs: a prepared statement with parameters, or a query of the builder. */
export type Query<Row> = PreparedQuery<Row> | Compilable<Row>

/**
 * A constant SQL text as a function of its parameters `$1 … $n`. The server parses and plans it once per connection.
 * Row keys come out in camelCase (`created_at` → `createdAt`).
 *
 * @example
 * const linkById = statement<[tenantId: string, id: string], LinkRow>('select * from links where tenant_id = $1 and id = $2')
 * const link = await tx.maybe(linkById(tenantId, id))
 */
export function statement<Parameters extends readonly unknown[], Row>(
  sql: string,
): (...parameters: Parameters) => PreparedQuery<Row> {
  return (...parameters) => ({ sql, parameters })
}

/**
 * A typed query builder for statements whose shape depends on the input, such as filtered lists. It builds and compiles
 * only: its queries run through a transaction, so no row can be reached without a tenant. Names are camelCase in
 * TypeScript, snake_case in SQL.
 */
export function queryBuilder<Schema>(): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new BuilderOnlyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    plugins: [new CamelCasePlugin()],
  })
}

class BuilderOnlyDriver extends DummyDriver {
  override async acquireConnection(): Promise<never> {
    throw new Error(
      'this query builder does not execute: give the query to tx.many, tx.maybe, tx.one, tx.run or tx.later',
    )
  }
}

/** The SQL text and parameters of any query. */
export function compiled(query: Query<unknown>): PreparedQuery<unknown> | CompiledQuery {
  return 'compile' in query ? query.compile() : query
}
