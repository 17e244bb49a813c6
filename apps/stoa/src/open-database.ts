import { join } from 'node:path'
import { type Database, type DatabaseDeps, openPglite, openPostgres } from '@stoa/db'
import type { Config } from './config/config.ts'

/** The part of the configuration that says which database. */
export type DatabaseSettings = Pick<Config, 'database' | 'dataDir' | 'statementTimeoutMs'>

/** Where PGlite keeps its files. */
export function pgliteFolder(config: Pick<Config, 'dataDir'>): string {
  return join(config.dataDir, 'db')
}

/**
 * Opens the database of this configuration. PostgreSQL is not asked yet; PGlite's folder is held from here on.
 *
 * @throws DataFolderError when another process holds the folder, or it cannot be read or written
 */
export async function openDatabase(config: DatabaseSettings, deps: DatabaseDeps): Promise<Database> {
  const { database, statementTimeoutMs } = config
  if (database === null) return await openPglite({ dataDir: pgliteFolder(config), statementTimeoutMs }, deps)
  return await openPostgres({ ...database, statementTimeoutMs, applicationName: 'stoa' }, deps)
}
