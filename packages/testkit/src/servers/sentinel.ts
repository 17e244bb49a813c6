import { writeFileSync } from 'node:fs'
import { eventually } from '../patience.ts'
import { askRedis } from './ask-redis.ts'
import type { EngineServer } from './engine.ts'
import { locateRedis } from './locate.ts'
import { thisMachine } from './machine.ts'
import { startRedis } from './provide.ts'
import { runServer } from './server-process.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A Redis with a replica, and a Sentinel that makes the replica the primary when the primary is gone. */
export interface RedisSentinel extends AsyncDisposable {
  /** For ioredis: `new Redis({ sentinels, name })`. */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  readonly name: string
  /** The primary of the beginning. */
  readonly primary: Pick<EngineServer, 'url' | 'kill'>
  readonly replica: Pick<EngineServer, 'url'>
}

const NAME = 'primary'
const SILENT_MS = 500

/**
 * Starts them. The replica follows, and Sentinel knows it: whoever kills the primary waits (`WAIT 1`) until the replica
 * has what matters.
 *
 * @throws Error where there is no program of Redis on this machine
 */
export async function startRedisSentinel(): Promise<RedisSentinel> {
  const primary = await startRedis()
  const replica = await startRedis()
  const { port } = new URL(primary.url)
  await askRedis(replica.url, `REPLICAOF 127.0.0.1 ${port}`)
  await eventually(async () => /master_link_status:up/.test(await askRedis(replica.url, 'INFO replication')))
  const command = locateRedis(thisMachine)
  if (command === null) throw new Error('Sentinel needs redis-server or valkey-server on this machine')
  const folder = temporaryFolder('sentinel', null)
  const file = `${folder}/sentinel.conf`
  // It is written by Sentinel, too.
  writeFileSync(
    file,
    `bind 127.0.0.1
dir ${folder}
pidfile ${folder}/redis.pid
sentinel monitor ${NAME} 127.0.0.1 ${port} 1
sentinel down-after-milliseconds ${NAME} ${SILENT_MS}
sentinel failover-timeout ${NAME} 10000
`,
  )
  const sentinel = await runServer({
    name: 'Sentinel',
    command,
    args: (free) => [file, '--port', String(free), '--sentinel'],
    user: null,
    ready: /\+monitor/,
    transient: /^$/,
    stopSignal: 'SIGTERM',
    pidFile: `${folder}/redis.pid`,
    temporaryFolder: folder,
    port: null,
    startTimeoutMs: 60_000,
  })
  const known = /^\*1\r\n/
  await eventually(async () =>
    known.test(await askRedis(`redis://127.0.0.1:${sentinel.port}`, `SENTINEL replicas ${NAME}`)),
  )
  return {
    sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
    name: NAME,
    primary,
    replica,
    async [Symbol.asyncDispose]() {
      await sentinel.stop()
      await Promise.all([primary.stop(), replica.stop()])
    },
  }
}
