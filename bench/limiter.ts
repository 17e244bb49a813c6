/*
 * The limiter beside rate-limiter-flexible and @fastify/rate-limit, by what each of them offers: the decision, and a
 * route of Fastify. Each measurement is a process of its own: the same light code runs at rates that differ by a third
 * from process to process.
 *
 * On Redis, 50 callers ask at once, each for its next decision when it has the last one. CPU there is of the process
 * that asks and of Redis.
 */
import autocannon from 'autocannon'
import { type Bench, type BenchContext, paired, type Row, row } from './harness.ts'
import type { Decided, Decider, Loop, Route } from './limiter-program.ts'
import { cpuMs, startProgram } from './process.ts'

const CALLERS = 50
const KEYS = 10_000
const FLEXIBLE = 'rate-limiter-flexible'
const FASTIFY = '@fastify/rate-limit'

export const limiter: Bench = { name: 'limiter', run }

/** What one loop of decisions gave. */
interface Outcome extends Decided {
  /** CPU of the process and of Redis per decision, in µs. */
  readonly bothUs: number
}

interface Redis {
  readonly url: string
  pid(): number | null
}

async function run(context: BenchContext): Promise<readonly Row[]> {
  const redis = await context.redis()
  return [
    ...(await inMemory(context, redis)),
    ...(await onRedis(context, redis)),
    ...(await before(context, redis, 'stoaMemory', 'bare', 0.92)),
    ...(await before(context, redis, 'fastifyMemory', 'bare', null)),
    ...(await before(context, redis, 'stoaRedis', 'bare', 0.85)),
    ...(await before(context, redis, 'stoaLease', 'bare', null)),
    ...(await before(context, redis, 'fastifyRedis', 'bare', null)),
  ]
}

async function inMemory(context: BenchContext, redis: Redis): Promise<readonly Row[]> {
  const compare = async (subject: Decider, peer: Decider, names: readonly [string, string], atLeast: number | null) => {
    context.say(`${subject} beside ${peer}`)
    const each = (decider: Decider) => () => decisions(context, redis, { decider, callers: 1 })
    const { subject: ours, peer: theirs } = await paired(context, { subject: each(subject), peer: each(peer) })
    return row({
      name: names[0],
      unit: 'decisions/s',
      subject: ours.map(({ perSecond }) => perSecond),
      peer: { name: names[1], values: theirs.map(({ perSecond }) => perSecond) },
      ...(atLeast !== null && { target: { of: 'ratio', atLeast } }),
    })
  }
  const policy = `in memory, ${KEYS} keys, a policy`
  return [
    await compare('stoaMemory', 'flexibleMemory', [policy, FLEXIBLE], 2),
    await compare('stoaMemory', 'fastifyMemory', [policy, FASTIFY], 2),
    await compare('stoaToken', 'flexibleMemory', [`in memory, ${KEYS} keys, takeToken`, FLEXIBLE], null),
  ]
}

async function onRedis(context: BenchContext, redis: Redis): Promise<readonly Row[]> {
  const compare = async (subject: Decider, peer: Decider, names: readonly [string, string], atLeast: number) => {
    context.say(`${subject} beside ${peer}`)
    const each = (decider: Decider) => () => decisions(context, redis, { decider, callers: CALLERS })
    const { subject: ours, peer: theirs } = await paired(context, { subject: each(subject), peer: each(peer) })
    const compared = (name: string, unit: string, of: (outcome: Outcome) => number) => {
      return { name, unit, subject: ours.map(of), peer: { name: names[1], values: theirs.map(of) } }
    }
    return [
      row({ ...compared(names[0], 'decisions/s', (o) => o.perSecond), target: { of: 'ratio', atLeast } }),
      row(compared(`${names[0]}: CPU of the process and of Redis`, 'µs/decision', (o) => o.bothUs)),
    ]
  }
  const plain = `on Redis, ${CALLERS} callers, ${KEYS} keys`
  const leased = `${plain}, leases of 50 tokens`
  return [
    ...(await compare('stoaRedis', 'flexibleRedis', [plain, FLEXIBLE], 1)),
    ...(await compare('stoaRedis', 'fastifyRedis', [plain, FASTIFY], 1)),
    ...(await compare('stoaLease', 'flexibleRedis', [leased, FLEXIBLE], 5)),
    ...(await compare('stoaLease', 'fastifyRedis', [leased, FASTIFY], 5)),
  ]
}

async function decisions(
  context: BenchContext,
  redis: Redis,
  loop: Pick<Loop, 'decider' | 'callers'>,
): Promise<Outcome> {
  await using program = await startProgram(new URL('./limiter-program.ts', import.meta.url))
  const before = cpuMs(redis.pid())
  const whole: Loop = { ...loop, redisUrl: redis.url, keys: KEYS, seconds: context.seconds }
  const decided = await program.ask<Decided>('decide', whole)
  // Redis also worked for the warm-up, which this spreads over the decisions that are counted: it is the same for all.
  const redisUs = ((cpuMs(redis.pid()) - before) * 1e3) / (decided.perSecond * context.seconds)
  return { ...decided, bothUs: decided.cpuUs + redisUs }
}

const ROUTES: Record<Route, string> = {
  bare: 'the bare route',
  stoaMemory: 'buckets in memory',
  stoaRedis: 'buckets on Redis',
  stoaLease: 'buckets on Redis, leases of 500 tokens',
  fastifyMemory: `${FASTIFY}, in memory`,
  fastifyRedis: `${FASTIFY}, on Redis`,
}

async function before(
  context: BenchContext,
  redis: Redis,
  subject: Route,
  peer: Route,
  atLeast: number | null,
): Promise<readonly Row[]> {
  context.say(`a route: ${ROUTES[subject]} beside ${ROUTES[peer]}`)
  const both = await paired(context, {
    subject: () => requests(context, redis, subject),
    peer: () => requests(context, redis, peer),
  })
  const name = `a route of Fastify, ${CALLERS} connections: ${ROUTES[subject]}`
  const compared = (unit: string, of: (served: Served) => number) => {
    return { unit, subject: both.subject.map(of), peer: { name: ROUTES[peer], values: both.peer.map(of) } }
  }
  return [
    row({
      ...{ name, ...compared('requests/s', (served) => served.perSecond) },
      ...(atLeast !== null && { target: { of: 'ratio', atLeast } }),
    }),
    row({ name: `${name}: CPU of the server`, ...compared('µs/request', (served) => served.serverUs) }),
    row({ name: `${name}: CPU of the server and of Redis`, ...compared('µs/request', (served) => served.bothUs) }),
  ]
}

/** What a route gave, and its CPU per request in µs. */
interface Served {
  readonly perSecond: number
  readonly serverUs: number
  readonly bothUs: number
}

async function requests({ seconds }: BenchContext, { pid, url: redisUrl }: Redis, route: Route): Promise<Served> {
  await using program = await startProgram(new URL('./limiter-program.ts', import.meta.url))
  const url = await program.ask<string>('open', { route, redisUrl })
  await autocannon({ url, connections: CALLERS, duration: 1 })
  const look = () => ({ server: cpuMs(program.pid), redis: cpuMs(pid()) })
  const before = look()
  const result = await autocannon({ url, connections: CALLERS, duration: seconds })
  const after = look()
  if (result.non2xx + result.errors > 0) {
    throw new Error(`not all answered: ${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors`)
  }
  const answered = result['2xx']
  const serverMs = after.server - before.server
  return {
    perSecond: answered / result.duration,
    serverUs: (serverMs * 1e3) / answered,
    bothUs: ((serverMs + after.redis - before.redis) * 1e3) / answered,
  }
}
