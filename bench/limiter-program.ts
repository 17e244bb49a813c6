// What is measured of the limiter and its peers: decisions in a loop, or routes of Fastify. A process of its own, so
// that each measurement begins fresh.

import fastifyRateLimitPeer from '@fastify/rate-limit'
import { createLimiter, createMemoryStore, createRedisStore, fastifyRateLimit, takeToken } from '@stoa/limiter'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import { answer } from './process.ts'

/**
 * Who decides. `stoaToken` is the function on a memory store, without policies; `stoaLease` has leases of 50 tokens.
 */
export type Decider =
  | 'stoaMemory'
  | 'stoaToken'
  | 'flexibleMemory'
  | 'fastifyMemory'
  | 'stoaRedis'
  | 'stoaLease'
  | 'flexibleRedis'
  | 'fastifyRedis'

/** Who stands before the route; `bare`: nobody. `stoaManyRedis`: each request is another caller's. */
export type Route =
  | 'bare'
  | 'stoaMemory'
  | 'stoaRedis'
  | 'stoaManyRedis'
  | 'stoaLease'
  | 'fastifyMemory'
  | 'fastifyRedis'

/** What a loop of decisions is. */
export interface Loop {
  readonly decider: Decider
  readonly redisUrl: string
  /** Loops at once; each waits for its answer before it asks again. */
  readonly callers: number
  /** Different keys, asked in turn. */
  readonly keys: number
  readonly seconds: number
}

/** What a loop gave. */
export interface Decided {
  readonly perSecond: number
  /** CPU of this process per decision, in µs. */
  readonly cpuUs: number
}

/** Decides once. */
type Decide = (key: string) => unknown

/** A limit that nothing here reaches, in the form of each library. */
const UNREACHED = { capacity: 1_000_000_000, refillPerSecond: 1_000_000_000 }
const POINTS = { points: 1_000_000_000, duration: 60 }
const MAX = { max: 1_000_000_000, timeWindow: 60_000 }
const LEASE_TOKENS = 50
/**
 * A route is asked by one caller here, who would need a limit of many thousands a second: this is a hundredth of a
 * second of it.
 */
const ROUTE_LEASE_TOKENS = 500
/** Where there are many. */
const ROUTE_CALLERS = 10_000
const WARM_UP_SECONDS = 0.5
/** Decisions between two looks at the clock. */
const STRIDE = 256

const redisOf = (url: string) => new Redis(url)

const deciders: Record<Decider, (redisUrl: string) => Decide | Promise<Decide>> = {
  stoaMemory() {
    const policy = createLimiter().policy('bench', UNREACHED)
    return (key) => policy.take(key)
  },
  stoaToken() {
    const store = createMemoryStore()
    return (key) => takeToken(store, key, UNREACHED)
  },
  flexibleMemory() {
    const limiter = new RateLimiterMemory(POINTS)
    return (key) => limiter.consume(key)
  },
  fastifyMemory: () => fastifyDecider({}),
  stoaRedis(redisUrl) {
    const policy = createLimiter({ store: createRedisStore(redisOf(redisUrl)) }).policy('bench', UNREACHED)
    return (key) => policy.take(key)
  },
  stoaLease(redisUrl) {
    const settings = { ...UNREACHED, leaseTokens: LEASE_TOKENS }
    const policy = createLimiter({ store: createRedisStore(redisOf(redisUrl)) }).policy('bench', settings)
    return (key) => policy.take(key)
  },
  flexibleRedis(redisUrl) {
    const limiter = new RateLimiterRedis({ ...POINTS, storeClient: redisOf(redisUrl) })
    return (key) => limiter.consume(key)
  },
  fastifyRedis: (redisUrl) => fastifyDecider({ redis: redisOf(redisUrl) }),
}

/** The decision of @fastify/rate-limit as it offers it outside of a route. */
async function fastifyDecider(options: { readonly redis?: Redis }): Promise<Decide> {
  const app = Fastify()
  await app.register(fastifyRateLimitPeer, { global: false, cache: 100_000, ...options })
  await app.ready()
  const decide = app.createRateLimit({ ...MAX, keyGenerator: (request) => (request as unknown as Asked).key })
  const asked: Asked = { key: '', routeOptions: { config: {} } }
  return (key) => {
    asked.key = key
    return decide(asked as never)
  }
}

/** What it reads of a request. */
interface Asked {
  key: string
  readonly routeOptions: { readonly config: object }
}

async function decide({ decider, redisUrl, callers, keys, seconds }: Loop): Promise<Decided> {
  const one = await deciders[decider](redisUrl)
  const names = Array.from({ length: keys }, (_, index) => `caller:${index}`)
  await loop(one, names, callers, WARM_UP_SECONDS)
  const before = process.cpuUsage()
  const begun = performance.now()
  const count = await loop(one, names, callers, seconds)
  const ms = performance.now() - begun
  const { user, system } = process.cpuUsage(before)
  return { perSecond: (count / ms) * 1000, cpuUs: (user + system) / count }
}

async function loop(one: Decide, names: readonly string[], callers: number, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000
  let count = 0
  const caller = async () => {
    while (performance.now() < end) {
      for (let turn = 0; turn < STRIDE; turn++) {
        const decided = one(names[count++ % names.length] as string)
        if (decided instanceof Promise) await decided
      }
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return count
}

const HELLO = { hello: 'world' }
const apps: FastifyInstance[] = []

/** An application of its own for each route: the bare one has no plugin. */
async function open({ route, redisUrl }: { readonly route: Route; readonly redisUrl: string }): Promise<string> {
  const app = Fastify()
  apps.push(app)
  const redis = route.endsWith('Redis') || route === 'stoaLease' ? redisOf(redisUrl) : null
  if (route.startsWith('stoa')) {
    await app.register(fastifyRateLimit, { ...(redis && { store: createRedisStore(redis) }) })
    const leaseTokens = route === 'stoaLease' ? ROUTE_LEASE_TOKENS : 0
    const names = Array.from({ length: ROUTE_CALLERS }, (_, index) => `caller:${index}`)
    let next = 0
    const key = () => names[next++ % names.length] as string
    const rateLimit = { ...UNREACHED, leaseTokens, ...(route === 'stoaManyRedis' && { key }) }
    app.get('/', { config: { rateLimit } }, async () => HELLO)
  } else if (route.startsWith('fastify')) {
    await app.register(fastifyRateLimitPeer, { global: false, ...(redis && { redis }) })
    app.get('/', { config: { rateLimit: MAX } }, async () => HELLO)
  } else app.get('/', async () => HELLO)
  return await app.listen({ host: '127.0.0.1', port: 0 })
}

const close = async () => void (await Promise.all(apps.map((app) => app.close())))

answer({ decide, open, cpu: () => process.cpuUsage() }, close)
