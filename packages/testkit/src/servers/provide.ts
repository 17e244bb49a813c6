// Where the engines come from, in this order: an address that is given; programs on this machine; programs that the
// package manager can install; containers. There is no fifth way: a missing engine is an error, never a skipped test.

import { connect } from 'node:net'
import { canCompose, composePostgres, composeRedis } from './compose.ts'
import type { PostgresOptions, PostgresServer, RedisOptions, RedisServer } from './engine.ts'
import { canInstallWithApt, type Engine, installWithApt } from './install.ts'
import { locatePostgres, locateRedis, OLDEST_POSTGRES } from './locate.ts'
import { type Machine, thisMachine } from './machine.ts'
import { runPostgres } from './postgres.ts'
import { runRedis } from './redis.ts'

/** How an engine will be started. */
export type EngineSource =
  | { readonly kind: 'programs'; readonly engine: Engine; readonly path: string }
  | { readonly kind: 'compose'; readonly engine: Engine }

/** Starts a PostgreSQL of the caller's own, for tests that stop, kill or restart it. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const source = await findSource('postgres', thisMachine, quiet)
  return await startPostgresFrom(source, options)
}

/** Starts a Redis of the caller's own, for tests that stop, kill or restart it. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const source = await findSource('redis', thisMachine, quiet)
  return await startRedisFrom(source, options)
}

/** Addresses of both engines, for as long as it is not disposed of. */
export interface Engines extends AsyncDisposable {
  /** A superuser's URL to a maintenance database. */
  readonly databaseUrl: string
  readonly redisUrl: string
  /** Says in words where each engine came from. */
  readonly origins: { readonly postgres: string; readonly redis: string }
}

/**
 * Both engines, from `TEST_DATABASE_URL` and `TEST_REDIS_URL` or started here.
 * Throws an error that says what to install when one of them cannot be had.
 */
export async function provideEngines(
  machine: Machine = thisMachine,
  say: (line: string) => void = quiet,
): Promise<Engines> {
  const [postgres, redis] = await bothOrNeither(
    postgresFor(machine, say),
    given(machine, 'TEST_REDIS_URL', 6379) ?? started('redis', machine, say, startRedisFrom, {}),
  )
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    origins: { postgres: postgres.origin, redis: redis.origin },
    async [Symbol.asyncDispose]() {
      await Promise.all([postgres.stop(), redis.stop()])
    },
  }
}

/**
 * Of the server that all test files share, which nobody ends before the last of them: nothing can be lost by what is not
 * on the disk yet. The tests that kill a server start one of their own, which flushes ({@link startPostgres}).
 */
const SHARED_POSTGRES: PostgresOptions = { extraConfig: { fsync: 'off', full_page_writes: 'off' } }

/** One PostgreSQL server, for as long as it is not disposed of. */
export interface ProvidedPostgres extends AsyncDisposable {
  /** A superuser's URL to a maintenance database. */
  readonly url: string
}

/** PostgreSQL alone, from `TEST_DATABASE_URL` or started here. Throws like {@link provideEngines}. */
export async function providePostgres(
  machine: Machine = thisMachine,
  say: (line: string) => void = quiet,
): Promise<ProvidedPostgres> {
  const { url, stop } = await postgresFor(machine, say)
  return { url, [Symbol.asyncDispose]: stop }
}

function postgresFor(machine: Machine, say: (line: string) => void): Promise<Provided> {
  return (
    given(machine, 'TEST_DATABASE_URL', 5432) ?? started('postgres', machine, say, startPostgresFrom, SHARED_POSTGRES)
  )
}

interface Provided {
  readonly url: string
  readonly origin: string
  stop(): Promise<void>
}

function given(machine: Machine, variable: string, defaultPort: number): Promise<Provided> | null {
  const url = machine.env[variable]
  if (url === undefined || url === '') return null
  return reachable(variable, url, defaultPort).then(() => ({ url, origin: variable, stop: async () => undefined }))
}

async function started<Server extends { readonly url: string; stop(): Promise<void> }, Options>(
  engine: Engine,
  machine: Machine,
  say: (line: string) => void,
  start: (source: EngineSource, options: Options, machine: Machine) => Promise<Server>,
  options: Options,
): Promise<Provided> {
  const source = await findSource(engine, machine, say)
  const server = await start(source, options, machine)
  return {
    url: server.url,
    origin: source.kind === 'programs' ? source.path : 'docker compose',
    stop: () => server.stop(),
  }
}

/** Waits for both to settle, so that a failure of one cannot leave the other running. */
async function bothOrNeither(first: Promise<Provided>, second: Promise<Provided>): Promise<[Provided, Provided]> {
  const [a, b] = await Promise.allSettled([first, second])
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value]
  const messages: string[] = []
  for (const outcome of [a, b]) {
    if (outcome.status === 'fulfilled') await outcome.value.stop()
    else messages.push(outcome.reason instanceof Error ? outcome.reason.message : String(outcome.reason))
  }
  throw new Error(messages.join('\n\n'))
}

/**
 * Decides how to start an engine, installing its programs when that is the way. Throws what to install when none is.
 */
export async function findSource(engine: Engine, machine: Machine, say: (line: string) => void): Promise<EngineSource> {
  const tried: string[] = []
  const onMachine = await programs(engine, machine, tried)
  if (onMachine !== null) return onMachine
  if (canInstallWithApt(machine)) {
    const failure = await oneAtATime(() => installWithApt(machine, [engine], say))
    const installed = await programs(engine, machine, [])
    if (installed !== null) return installed
    tried.push(`apt-get did not give them${failure === null ? '' : `:\n${failure}`}`)
  } else {
    tried.push('apt-get is not possible here (it needs Debian or Ubuntu, and root)')
  }
  if (await canCompose(machine)) return { kind: 'compose', engine }
  tried.push('docker compose does not answer')
  throw new Error(missing(engine, tried))
}

async function programs(engine: Engine, machine: Machine, tried: string[]): Promise<EngineSource | null> {
  if (engine === 'redis') {
    const path = locateRedis(machine)
    if (path !== null) return { kind: 'programs', engine, path }
    tried.push('no redis-server or valkey-server in PATH')
    return null
  }
  const search = await locatePostgres(machine)
  if (search.programs !== null) return { kind: 'programs', engine, path: search.programs.folder }
  tried.push(
    search.tooOld.length > 0
      ? `PostgreSQL ${search.tooOld.join(', ')} is on this machine, but Stoa needs ${OLDEST_POSTGRES} or newer`
      : 'no postgres and initdb in PATH or /usr/lib/postgresql/*/bin',
  )
  return null
}

function missing(engine: Engine, tried: readonly string[]): string {
  const name = engine === 'postgres' ? `PostgreSQL (${OLDEST_POSTGRES} or newer)` : 'Redis'
  const variable = engine === 'postgres' ? 'TEST_DATABASE_URL' : 'TEST_REDIS_URL'
  const example = engine === 'postgres' ? 'postgres://user:password@localhost/postgres' : 'redis://localhost:6379'
  const packages = engine === 'postgres' ? 'postgresql' : 'redis-server'
  const formula = engine === 'postgres' ? 'postgresql@17' : 'redis'
  return [
    `The tests need ${name}, and none was found:`,
    ...tried.map((reason) => `  - ${reason}`),
    'Any one of these is enough:',
    `  - Debian, Ubuntu:  sudo apt-get install ${packages}`,
    `  - macOS:           brew install ${formula}`,
    '  - any system:      start Docker (with its compose plugin)',
    `  - a running one:   ${variable}=${example} npm test`,
  ].join('\n')
}

async function startPostgresFrom(
  source: EngineSource,
  options: PostgresOptions,
  machine: Machine = thisMachine,
): Promise<PostgresServer> {
  if (source.kind === 'compose') return await composePostgres(machine, options)
  return await runPostgres(machine, source.path, options)
}

async function startRedisFrom(
  source: EngineSource,
  options: RedisOptions,
  machine: Machine = thisMachine,
): Promise<RedisServer> {
  return source.kind === 'compose' ? await composeRedis(machine, options) : await runRedis(source.path, options)
}

let queue: Promise<unknown> = Promise.resolve()

/** apt-get holds a lock of its own, but two of them would also fight over the service policy file. */
function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const mine = queue.then(work, work)
  queue = mine
  return mine
}

async function reachable(variable: string, url: string, defaultPort: number): Promise<void> {
  let host: string
  let port: number
  try {
    const parsed = new URL(url)
    host = parsed.hostname.replace(/^\[|\]$/g, '') || 'localhost'
    port = parsed.port === '' ? defaultPort : Number(parsed.port)
  } catch {
    throw new Error(`${variable} is not a URL`)
  }
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, timeout: 5_000 })
    const fail = (why: string) => {
      socket.destroy()
      reject(new Error(`${variable} is set, but nothing answers at ${host}:${port} (${why})`))
    }
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('timeout', () => fail('no answer within 5 s'))
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
  })
}

function quiet(): void {
  // Nobody listens.
}
