/*
 * The limiter beside rate-limiter-flexible and @fastify/rate-limit, by what each of them offers: the decision, and a
 * route of Fastify. Decisions are measured in a process of their own each: the same light code runs at rates that differ
 * by a third from process to process.
 *
 * On Redis, 50 callers ask at once, each for its next decision when it has the last one. CPU there is of the process
 * that asks and of Redis.
 *
 * A route and the bare one are two applications of ONE process, asked by turns of a quarter of a second: A B B A,
 * B A A B, and so on. Between two processes the comparison is worth nothing: what the kernel takes to send an answer
 * changes by a factor of two from process to process, and for seconds within one, and the limiter costs less than that.
 * Neighbouring turns meet the same kernel. Each four turns give a ratio, a process their median, the row the median of
 * the processes. Both are warm before the first turn.
 *
 * The load costs as little as can be (route-load.ts): with a client that needs a core for itself, Redis would have to
 * share the other one with the server, and what is to be compared is the server.
 */
import { type Bench, type BenchContext, median, paired, type Row, row } from './harness.ts'
import type { Decided, Decider, Loop, Route } from './limiter-program.ts'
import { cpuMs, type Program, startProgram } from './process.ts'
import { RouteLoad } from './route-load.ts'

const CALLERS = 50
const KEYS = 10_000
const FLEXIBLE = 'rate-limiter-flexible'
const FASTIFY = '@fastify/rate-limit'
/** How the routes' answers end. */
const HELLO = '{"hello":"world"}'

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
    ...(await before(context, redis, 'stoaManyRedis', 'bare', null)),
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
  stoaManyRedis: `buckets on Redis, ${KEYS} callers`,
  stoaLease: 'buckets on Redis, leases of 500 tokens',
  fastifyMemory: `${FASTIFY}, in memory`,
  fastifyRedis: `${FASTIFY}, on Redis`,
}

/** How long one route is asked before the other one is again. */
const TURN_SECONDS = 0.25
const WARM_UP_SECONDS = 2

/** Measures a route beside another one, in as many processes as there are runs. */
async function before(
  context: BenchContext,
  redis: Redis,
  subject: Route,
  peer: Route,
  atLeast: number | null,
): Promise<readonly Row[]> {
  context.say(`a route: ${ROUTES[subject]} beside ${ROUTES[peer]}`)
  const processes: Compared[] = []
  for (let run = 0; run < context.runs; run++) {
    context.say(`process ${run + 1} of ${context.runs}`)
    processes.push(await byTurns(context, redis, [subject, peer]))
  }
  const name = `a route of Fastify, ${CALLERS} connections: ${ROUTES[subject]}`
  const compared = (unit: string, of: keyof Served) => ({
    unit,
    subject: processes.map((process) => process.subject[of]),
    peer: {
      name: ROUTES[peer],
      values: processes.map((process) => process.peer[of]),
      ratios: processes.map((process) => process.ratio[of]),
    },
  })
  return [
    row({
      name,
      ...compared('requests/s', 'perSecond'),
      ...(atLeast !== null && { target: { of: 'ratio', atLeast } }),
    }),
    row({ name: `${name}: CPU of the server`, ...compared('µs/request', 'serverUs') }),
    row({ name: `${name}: CPU of the server and of Redis`, ...compared('µs/request', 'bothUs') }),
  ]
}

/** What a route gave, and its CPU per request in µs. */
interface Served {
  readonly perSecond: number
  readonly serverUs: number
  readonly bothUs: number
}

/** Two routes of one process. */
interface Compared {
  readonly subject: Served
  readonly peer: Served
  /** Subject ÷ peer. */
  readonly ratio: Served
}

/** One turn of a route. */
interface Turn {
  readonly count: number
  readonly perSecond: number
  readonly serverUs: number
  readonly redisUs: number
}

async function byTurns(context: BenchContext, redis: Redis, routes: readonly [Route, Route]): Promise<Compared> {
  await using program = await startProgram(new URL('./limiter-program.ts', import.meta.url))
  using loads = new DisposableStack()
  const asked: ((seconds: number) => Promise<Turn>)[] = []
  for (const route of routes) {
    const url = await program.ask<string>('open', { route, redisUrl: redis.url })
    const load = loads.use(await RouteLoad.open(url, CALLERS, HELLO))
    asked.push((seconds) => turn(program, redis, load, seconds))
  }
  const [subject, peer] = asked as [Ask, Ask]
  for (let warmed = 0; warmed < WARM_UP_SECONDS; warmed += 2 * TURN_SECONDS) {
    await subject(TURN_SECONDS)
    await peer(TURN_SECONDS)
  }
  const fours: Four[] = []
  for (let four = 0; four < Math.max(2, context.seconds / (2 * TURN_SECONDS)); four++) {
    const [outer, inner] = four % 2 === 0 ? [subject, peer] : [peer, subject]
    const first = await outer(TURN_SECONDS)
    const between = [await inner(TURN_SECONDS), await inner(TURN_SECONDS)]
    const around = [first, await outer(TURN_SECONDS)]
    fours.push(four % 2 === 0 ? { subject: around, peer: between } : { subject: between, peer: around })
  }
  return compare(fours)
}

type Ask = (seconds: number) => Promise<Turn>

/** Four turns next to each other. */
interface Four {
  readonly subject: readonly Turn[]
  readonly peer: readonly Turn[]
}

async function turn(program: Program, redis: Redis, load: RouteLoad, seconds: number): Promise<Turn> {
  const look = async () => {
    const { user, system } = await program.ask<NodeJS.CpuUsage>('cpu')
    return { serverUs: user + system, redisUs: cpuMs(redis.pid()) * 1e3 }
  }
  const before = await look()
  const answered = await load.run(seconds)
  const after = await look()
  return { ...answered, serverUs: after.serverUs - before.serverUs, redisUs: after.redisUs - before.redisUs }
}

function compare(fours: readonly Four[]): Compared {
  const [subject, peer] = (['subject', 'peer'] as const).map((who) => served(fours.flatMap((four) => four[who])))
  const ratioOf = (of: (turns: readonly Turn[]) => number) =>
    median(fours.map((four) => of(four.subject) / of(four.peer)))
  return {
    ...{ subject: subject as Served, peer: peer as Served },
    ratio: {
      perSecond: ratioOf((turns) => served(turns).perSecond),
      serverUs: ratioOf((turns) => served(turns).serverUs),
      // Redis' CPU is known to the nearest 10 ms, which is too little for one turn.
      bothUs: (subject as Served).bothUs / (peer as Served).bothUs,
    },
  }
}

function served(turns: readonly Turn[]): Served {
  const sum = (of: (turn: Turn) => number) => turns.reduce((total, each) => total + of(each), 0)
  const count = sum((each) => each.count)
  const serverUs = sum((each) => each.serverUs) / count
  return {
    perSecond: sum((each) => each.perSecond) / turns.length,
    serverUs,
    bothUs: serverUs + sum((each) => each.redisUs) / count,
  }
}
