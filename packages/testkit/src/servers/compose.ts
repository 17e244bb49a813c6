// The engines in containers, for machines that have Docker and no server programs. Each server is a compose project of
// its own, so that several can run beside each other and `down` removes exactly what one of them made.

import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { EngineServer, PostgresOptions, PostgresServer, RedisOptions, RedisServer } from './engine.ts'
import { freePort } from './free-port.ts'
import type { Engine } from './install.ts'
import { type Machine, programInPath } from './machine.ts'
import { POSTGRES_SETTINGS, POSTGRES_USER } from './postgres.ts'

const COMPOSE_FILE = fileURLToPath(new URL('../../../../deploy/test-compose.yml', import.meta.url))

/** True when `docker compose` and a Docker daemon answer. */
export async function canCompose(machine: Machine): Promise<boolean> {
  if (programInPath(machine, 'docker') === null) return false
  const compose = await machine.run('docker', ['compose', 'version'])
  if (compose.code !== 0) return false
  const daemon = await machine.run('docker', ['info', '--format', '{{.ServerVersion}}'])
  return daemon.code === 0 && daemon.stdout.trim() !== ''
}

/**
 * Starts PostgreSQL in a container, published on 127.0.0.1. A data folder of the caller's own is not supported here.
 */
export async function composePostgres(machine: Machine, options: PostgresOptions): Promise<PostgresServer> {
  if (options.dataDir !== undefined)
    throw new Error('dataDir needs PostgreSQL programs on this machine, not a container')
  const settings = Object.entries({ ...POSTGRES_SETTINGS, ...options.extraConfig })
  const server = await composeServer(machine, 'postgres', options.port ?? null, {
    STOA_TEST_POSTGRES_ARGS: settings.map(([name, value]) => `-c ${name}=${value}`).join(' '),
  })
  return { ...server, url: `postgres://${POSTGRES_USER}@127.0.0.1:${server.port}/postgres` }
}

/** Starts Redis in a container, published on 127.0.0.1. */
export async function composeRedis(machine: Machine, options: RedisOptions): Promise<RedisServer> {
  const { extraConfig, password, port = null, tls } = options
  if (tls) throw new Error('TLS needs redis-server or valkey-server on this machine, not a container')
  const settings = Object.entries({ appendonly: 'no', ...(password && { requirepass: password }), ...extraConfig })
  const server = await composeServer(machine, 'redis', port, {
    STOA_TEST_REDIS_ARGS: settings.map(([name, value]) => `--${name} ${value}`).join(' '),
  })
  return { ...server, url: `redis://${password ? `:${password}@` : ''}127.0.0.1:${server.port}` }
}

type ComposeServer = Omit<EngineServer, 'url'> & { readonly port: number }

async function composeServer(
  machine: Machine,
  engine: Engine,
  wantedPort: number | null,
  settings: Record<string, string>,
): Promise<ComposeServer> {
  const port = wantedPort ?? (await freePort())
  const project = `stoa-test-${engine}-${randomBytes(4).toString('hex')}`
  const env = { ...settings, STOA_TEST_PORT: String(port) }
  const compose = async (...args: string[]) => {
    const done = await machine.run('docker', ['compose', '-p', project, '-f', COMPOSE_FILE, ...args], { env })
    if (done.code !== 0) throw new Error(`docker compose ${args.join(' ')} failed:\n${done.stderr.trim()}`)
    return done.stdout
  }
  const stop = async () => {
    await compose('--profile', engine, 'down', '--volumes', '--timeout', '10')
  }
  try {
    await compose('up', '--detach', '--wait', engine)
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
  return {
    port,
    log: () => `docker compose -p ${project} logs`,
    pid: () => null,
    stop,
    kill: async () => void (await compose('kill', engine)),
    async restart() {
      await compose('stop', engine)
      await compose('up', '--detach', '--wait', engine)
    },
    [Symbol.asyncDispose]: stop,
  }
}
