import { resolveOptions } from '@stoa/kernel'
import { type Database, WireDatabase } from './database.ts'
import { type DatabaseDeps, POSTGRES_OPTIONS, type PostgresOptionsInput } from './options.ts'
import { postgresWire } from './postgres-wire.ts'

/**
 * Opens a PostgreSQL database (15 or newer). No connection is made yet: ask {@link Database.check} whether it can be
 * reached.
 *
 * @throws StoaError `invalid_options`
 */
export async function openPostgres(options: PostgresOptionsInput, deps: DatabaseDeps): Promise<Database> {
  const resolved = resolveOptions(POSTGRES_OPTIONS, options, {
    name: 'openPostgres',
    relations: [({ url }) => (/^postgres(ql)?:\/\//.test(url) ? null : "url must begin with 'postgres://'")],
  })
  return new WireDatabase(postgresWire(resolved, deps), resolved.statementTimeoutMs, deps)
}
