// Databases of a benchmark's own server.

import { openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'

/** Makes an empty database on the server. @returns its URL */
export async function newDatabase(serverUrl: string, name: string): Promise<string> {
  await administer(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Each measurement begins with nothing left to write back. */
export const checkpoint = (serverUrl: string): Promise<void> => administer(serverUrl, 'checkpoint')

/** Runs SQL on the login's own connection. */
export async function administer(url: string, sql: string): Promise<void> {
  await using db = await openPostgres({ url, poolSize: 1 }, { log: silentLogger, clock: systemClock })
  await db.admin((session) => session.exec(sql))
}
