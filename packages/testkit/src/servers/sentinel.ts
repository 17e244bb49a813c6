import { writeFileSync } from 'node:fs'
import { eventually } from '../patience.ts'
import { askRedis } from './ask-redis.ts'
import type { EngineServer, RedisOptions, RedisServer, ServerTls } from './engine.ts'
import { locateRedis } from './locate.ts'
import { thisMachine } from './machine.ts'
import { startRedis } from './provide.ts'
import { portArguments, tlsSettings } from './redis.ts'
import { type RunningServer, runServer } from './server-process.ts'
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

/** Options of {@link startRedisSentinel}. */
export interface RedisSentinelOptions {
  /** Of the Sentinel and of the servers. Default: without TLS. */
  readonly tls?: ServerTls
  /** Of the servers. Default: none. */
  readonly password?: string
  /** Of the Sentinel. Default: none. */
  readonly sentinelPassword?: string
  /** More lines of the Sentinel's configuration. Default: none. */
  readonly sentinelConfig?: readonly string[]
}

const NAME = 'primary'
/** After how long a server counts as gone. Longer than a busy machine lets a live one wait. */
const SILENT_MS = 1_500

/**
 * Starts them. The replica follows, and Sentinel knows it: whoever kills the primary waits (`WAIT 1`) until the replica
 * has what matters.
 *
 * @throws Error where there is no program of Redis on this machine, or one of the three does not start; then none is left
 */
export async function startRedisSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
  await using starting = new AsyncDisposableStack()
  const { password, sentinelPassword, tls } = options
  const settings: RedisOptions = { ...(tls && { tls }), ...(password !== undefined && { password }) }
  const primary = starting.use(await startRedis(settings))
  const replica = starting.use(await startRedis(settings))
  await askRedis(replica.url, `REPLICAOF 127.0.0.1 ${new URL(primary.url).port}`)
  await eventually(async () => /master_link_status:up/.test(await askRedis(replica.url, 'INFO replication')))
  const sentinel = starting.use(await runSentinel(primary, options))
  const known = /^\*1\r\n/
  const login = sentinelPassword === undefined ? '' : `:${sentinelPassword}@`
  const url = `${tls ? 'rediss' : 'redis'}://${login}127.0.0.1:${sentinel.port}`
  await eventually(async () => known.test(await askRedis(url, `SENTINEL replicas ${NAME}`)))
  const running = starting.move()
  return {
    sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
    name: NAME,
    primary,
    replica,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function runSentinel(primary: RedisServer, options: RedisSentinelOptions): Promise<RunningServer> {
  const { password, sentinelConfig = [], sentinelPassword, tls } = options
  const command = locateRedis(thisMachine)
  if (command === null) throw new Error('Sentinel needs redis-server or valkey-server on this machine')
  const folder = temporaryFolder('sentinel', null)
  const file = `${folder}/sentinel.conf`
  const lines = [
    'bind 127.0.0.1',
    `dir ${folder}`,
    `pidfile ${folder}/redis.pid`,
    ...Object.entries(tls ? tlsSettings(folder, tls) : {}).map(([name, value]) => `${name} ${value}`),
    ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`]),
    `sentinel monitor ${NAME} 127.0.0.1 ${new URL(primary.url).port} 1`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${password}`]),
    `sentinel down-after-milliseconds ${NAME} ${SILENT_MS}`,
    `sentinel failover-timeout ${NAME} 10000`,
    ...sentinelConfig,
  ]
  // It is written by Sentinel, too.
  writeFileSync(file, `${lines.join('\n')}\n`)
  return await runServer({
    name: 'Sentinel',
    command,
    args: (free) => [file, ...portArguments(free, tls), '--sentinel'],
    user: null,
    ready: /\+monitor/,
    transient: /^$/,
    stopSignal: 'SIGTERM',
    pidFile: `${folder}/redis.pid`,
    temporaryFolder: folder,
    port: null,
    startTimeoutMs: 60_000,
  })
}
