/*
 * The contract without a server: the program is put together on a PGlite in memory, and asked for its document before
 * anybody listens. So it is the one that a running program serves, to the letter.
 */
import { randomBytes } from 'node:crypto'
import { migrate, openPglite } from '@stoa/db'
import type { OpenApiDocument } from '@stoa/http'
import { Resources, systemClock } from '@stoa/kernel'
import { createLogger } from '@stoa/telemetry'
import { compose } from './compose.ts'
import { configOf } from './config/config.ts'
import { readEnvironment } from './config/env.ts'
import { installationSecret } from './config/secrets.ts'
import { migrationSets } from './manifest.ts'

/** The OpenAPI document of the program in its default configuration. */
export async function contract(): Promise<OpenApiDocument> {
  const clock = systemClock
  await using resources = new Resources({ clock })
  const log = resources.use(createLogger({ level: 'silent' }), 'log')
  const db = resources.use(await openPglite({ dataDir: null }, { log, clock }), 'database')
  await migrate(db, migrationSets, { log, clock })
  const secret = installationSecret(randomBytes(32).toString('hex'), 'memory').derive
  const { http } = await compose(configOf(readEnvironment({}), {}, false), { log, clock, db, secret }, resources)
  const { statusCode, body } = await http.app.inject({ url: '/openapi.json' })
  if (statusCode !== 200) throw new Error(`the document was refused (${statusCode}): ${body}`)
  return JSON.parse(body) as OpenApiDocument
}
