import { randomBytes } from 'node:crypto'
import { testRedisUrl } from '@stoa/testkit'
import { Redis } from 'ioredis'
import {
  type Cache,
  type CacheDeps,
  type CacheOptions,
  type CacheSignal,
  createCache,
  type RedisClient,
} from '../src/index.ts'
import { ASK, CLEAR, DROP, RELEASE, STORE } from '../src/redis-scripts.ts'

/** What the cache asks of Redis, by name. */
type Step = 'ask' | 'store' | 'release' | 'drop' | 'clear'

const STEPS = new Map<unknown, Step>()
for (const [step, { sha, text }] of Object.entries({
  ask: ASK,
  store: STORE,
  release: RELEASE,
  drop: DROP,
  clear: CLEAR,
})) {
  STEPS.set(sha, step as Step)
  STEPS.set(text, step as Step)
}

/** A client whose commands can be held up, changed or lost on their way. */
class Wire implements RedisClient {
  readonly client: Redis
  /** Every command that Redis has done. */
  readonly steps: Step[] = []
  /** Called before a command is sent: it may wait or throw. */
  before: (step: Step, args: unknown[]) => unknown = () => undefined
  /** Called with the answer before it arrives: it may wait or throw. */
  after: (step: Step, answer: unknown) => unknown = () => undefined

  constructor(client: Redis) {
    this.client = client
  }

  async callBuffer(command: string, ...args: (string | Buffer | number)[]): Promise<unknown> {
    const step = STEPS.get(args[0])
    if (!step) throw new Error(`not a script of the cache: ${command}`)
    await this.before(step, args)
    const answer = await this.client.callBuffer(command, ...args)
    this.steps.push(step)
    await this.after(step, answer)
    return answer
  }
}

/** A process of the installation: a cache with a connection of its own. */
export interface Process {
  readonly cache: Cache
  readonly wire: Wire
  readonly observed: CacheSignal[]
  told(kind: CacheSignal['kind']): CacheSignal[]
}

/** Several processes that share a Redis, under keys of their own. */
export interface Installation extends AsyncDisposable {
  readonly prefix: string
  readonly redis: Redis
  start(options?: CacheOptions, deps?: CacheDeps): Process
  /** A cache that knows no Redis. */
  startAlone(options?: CacheOptions, deps?: CacheDeps): Cache
  /** Resolves when every process has stored and dropped what it began to. */
  settled(): Promise<void>
}

const HASTY = { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 20 }

/** Commands have ten seconds, because the machine may be busy; tests of the time limit set another. */
export async function install(url = testRedisUrl()): Promise<Installation> {
  const prefix = `test:${randomBytes(6).toString('hex')}:`
  const clients: Redis[] = []
  const connect = (isHasty: boolean): Redis => {
    const client = isHasty ? new Redis(url, HASTY) : new Redis(url)
    client.on('error', () => undefined)
    clients.push(client)
    return client
  }
  const redis = connect(false)
  const processes: Process[] = []
  await redis.ping()
  return {
    prefix,
    redis,
    start(options = {}, deps = {}) {
      const observed: CacheSignal[] = []
      const wire = new Wire(connect(true))
      const cache = createCache(
        { ...options, redis: { prefix, timeoutMs: 10_000, leaseWaitMs: 60_000, ...options.redis } },
        { redis: wire, observe: (signal) => observed.push(signal), random: () => 0, ...deps },
      )
      const started = {
        cache,
        wire,
        observed,
        told: (kind: CacheSignal['kind']) => observed.filter((one) => one.kind === kind),
      }
      processes.push(started)
      return started
    },
    startAlone: (options = {}, deps = {}) => createCache(options, { random: () => 0, ...deps }),
    async settled() {
      for (const { cache } of processes) await cache.settled()
    },
    async [Symbol.asyncDispose]() {
      for (const { cache } of processes) await cache[Symbol.asyncDispose]()
      for (const client of clients) client.disconnect()
    },
  }
}

/** Resolves when every client is connected. */
export async function connected(...processes: readonly Process[]): Promise<void> {
  for (const { wire } of processes) {
    // Not `once` of node:events: an attempt that failed before would end the wait.
    if (wire.client.status !== 'ready') await new Promise<void>((resolve) => wire.client.once('ready', () => resolve()))
  }
}
