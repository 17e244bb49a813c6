import { writeFileSync } from 'node:fs'
import type { RedisOptions, RedisServer, ServerTls } from './engine.ts'
import { runServer } from './server-process.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Starts Redis (or Valkey) from the program at `command`, on 127.0.0.1, without persistence. */
export async function runRedis(command: string, options: RedisOptions): Promise<RedisServer> {
  const { extraConfig, password, port = null, tls } = options
  const folder = temporaryFolder('redis', null)
  const settings: Record<string, string> = {
    bind: '127.0.0.1',
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    dir: folder,
    pidfile: `${folder}/redis.pid`,
    ...(tls && tlsSettings(folder, tls)),
    // Any of them may become the replica of another one.
    ...(password !== undefined && { requirepass: password, masterauth: password }),
    ...extraConfig,
  }
  const server = await runServer({
    name: 'Redis',
    command,
    args: (free) => [
      ...portArguments(free, tls),
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    user: null,
    ready: /ready to accept connections/i,
    transient: /^$/,
    stopSignal: 'SIGTERM',
    pidFile: `${folder}/redis.pid`,
    temporaryFolder: folder,
    port,
    startTimeoutMs: 60_000,
  })
  const login = password === undefined ? '' : `:${password}@`
  return { ...server, url: `${tls ? 'rediss' : 'redis'}://${login}127.0.0.1:${server.port}` }
}

/** Where a server of Redis listens: by TLS, or without. */
export function portArguments(port: number, tls: ServerTls | undefined): string[] {
  return tls ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)]
}

/** Settings of a server that speaks TLS alone, to its replicas and the nodes of its Cluster too; its files are written. */
export function tlsSettings(folder: string, { ca, cert, key }: ServerTls): Record<string, string> {
  const files = { 'ca-cert': ca, cert, key }
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}.pem`, text)
  return {
    'tls-ca-cert-file': `${folder}/ca-cert.pem`,
    'tls-cert-file': `${folder}/cert.pem`,
    'tls-key-file': `${folder}/key.pem`,
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
    'tls-cluster': 'yes',
  }
}
