import type { RedisOptions, RedisServer } from './engine.ts'
import { runServer } from './server-process.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Starts Redis (or Valkey) from the program at `command`, on 127.0.0.1, without persistence. */
export async function runRedis(command: string, options: RedisOptions): Promise<RedisServer> {
  const folder = temporaryFolder('redis', null)
  const settings: Record<string, string> = {
    bind: '127.0.0.1',
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    dir: folder,
    pidfile: `${folder}/redis.pid`,
    ...options.extraConfig,
  }
  const server = await runServer({
    name: 'Redis',
    command,
    args: (port) => [
      '--port',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    user: null,
    ready: /ready to accept connections/i,
    transient: /^$/,
    stopSignal: 'SIGTERM',
    pidFile: `${folder}/redis.pid`,
    temporaryFolder: folder,
    port: options.port ?? null,
    startTimeoutMs: 60_000,
  })
  return { ...server, url: `redis://127.0.0.1:${server.port}` }
}
