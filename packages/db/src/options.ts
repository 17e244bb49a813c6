import type { Clock, Logger, OptionsInput, OptionsSpec, Resolved } from '@stoa/kernel'

/** What a database needs from its surroundings. */
export interface DatabaseDeps {
  readonly log: Logger
  readonly clock: Clock
  /**
   * Wraps every flush to the server, to trace or to time it. `sql` is the text of its last statement, without
   * parameters. Default: nothing.
   */
  readonly instrument?: Instrument
}

/** Runs `run` and returns its outcome; see {@link DatabaseDeps}. */
export type Instrument = <T>(sql: string, run: () => Promise<T>) => Promise<T>

const statementTimeoutMs = { type: 'integer', min: 0, max: 3_600_000, default: 30_000 } as const

/** The options of {@link openPostgres}; see {@link PostgresOptionsInput}. */
export const POSTGRES_OPTIONS = {
  url: { type: 'string', minLength: 1, secret: true },
  directUrl: { type: 'string', minLength: 1, optional: true, secret: true },
  poolSize: { type: 'integer', min: 1, max: 200, default: 10 },
  acquireTimeoutMs: { type: 'integer', min: 100, max: 60_000, default: 5_000 },
  statementTimeoutMs,
  preparedStatements: { type: 'boolean', default: true },
  applicationName: { type: 'string', minLength: 1, maxLength: 63, default: 'stoa' },
} as const satisfies OptionsSpec

/** The options of {@link openPglite}; see {@link PgliteOptionsInput}. */
export const PGLITE_OPTIONS = {
  dataDir: { type: 'string', minLength: 1, default: null },
  template: { type: 'object', optional: true },
  statementTimeoutMs,
} as const satisfies OptionsSpec

/**
 * How PostgreSQL is reached.
 *
 * - `url`: a `postgres://` URL. The login role must be a member of `stoa_app` and `stoa_system`; it is not used for
 *   tenants' rows.
 * - `directUrl`: the same database without a pooler between, for LISTEN and migrations. Default: `url`.
 * - `poolSize`: connections at most. More serve more statements at once and cost the server memory; 2–4 per core of the
 *   server is plenty. 1–200. Default 10.
 * - `acquireTimeoutMs`: how long a statement waits for a connection, a restart of the server included, before it is
 *   `unavailable`. 100–60 000. Default 5 000.
 * - `statementTimeoutMs`: the server ends a statement after this. 0 means never. Up to 3 600 000. Default 30 000.
 * - `preparedStatements`: false behind a pooler in transaction mode that does not track them (PgBouncer before 1.21):
 *   costs a parse and a plan per statement. Default true.
 * - `applicationName`: shown in `pg_stat_activity`. Default `stoa`.
 */
export type PostgresOptionsInput = OptionsInput<typeof POSTGRES_OPTIONS>
export type PostgresOptions = Resolved<typeof POSTGRES_OPTIONS>

/**
 * How PGlite is opened.
 *
 * - `dataDir`: the folder that holds the data; made when it is missing, and held by a lock file. Null keeps everything
 *   in memory. Default null.
 * - `template`: the `image()` of another one, which this begins as. A folder must be empty then.
 * - `statementTimeoutMs`: as with PostgreSQL. Default 30 000.
 */
export interface PgliteOptionsInput extends Omit<OptionsInput<typeof PGLITE_OPTIONS>, 'template'> {
  readonly template?: Uint8Array | undefined
}
