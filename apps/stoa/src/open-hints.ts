import type { Database } from '@stoa/db'
import { type Hints, notifyTransport, processHints, relayedHints } from '@stoa/journal'
import type { Clock, Logger } from '@stoa/kernel'
import type { Config } from './config/config.ts'
import type { InstallationSecret } from './config/secrets.ts'

/**
 * Hints for this configuration: Redis when there is one; else NOTIFY on PostgreSQL, where other processes may be; else,
 * on PGlite, inside this process, which has the database for itself.
 */
export async function openHints(
  config: Pick<Config, 'redisUrl'>,
  db: Database,
  { secret, ...deps }: { readonly log: Logger; readonly clock: Clock; readonly secret: InstallationSecret['derive'] },
): Promise<Hints> {
  if (config.redisUrl !== null) {
    // Loaded here: most installations have no Redis.
    const { redisTransport } = await import('@stoa/journal/redis')
    // Installations that share a Redis do not wake each other.
    const channel = `stoa:hints:${secret('hints/channel', 9).toString('base64url')}`
    const { redisClient } = await import('./redis-client.ts')
    return await relayedHints(redisTransport({ url: config.redisUrl, channel, connect: redisClient }, deps), deps)
  }
  if (db.engine === 'postgres') return await relayedHints(notifyTransport(db), deps)
  return processHints()
}
