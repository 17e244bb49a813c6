/*
 * Following short links: 100,000 of them, visited by Zipf's law, every click counted.
 *
 * The program runs as it comes, on PostgreSQL and Redis, in one process. The bare peers keep a Map of codes and targets
 * and nothing else: node:http by hand, and Fastify's `reply.redirect`. The visitors are here, on the same machine, and
 * send what browsers send. CPU is of the server's process, from the first visit until the last click is in the database.
 * Before a measurement every link has been visited once, but where the process is cold.
 */
import autocannon from 'autocannon'
import { Pool } from 'pg'
import { checkpoint, newDatabase } from './database.ts'
import { type Bench, type BenchContext, paired, type Row, row } from './harness.ts'
import { codeOf, targetOf, visitTo, zipf } from './link-supply.ts'
import type { Opened, Opening } from './links-program.ts'
import { cpuMs, type Program, residentMb, startProgram } from './process.ts'
import { type Visited, visit } from './visitors.ts'

const LINKS = 100_000
const VISITORS = 64
const VISITS = 2 ** 20
const WARM_UP_SECONDS = 3
/** How much longer than the others the sustained measurement is: 60 s by default. */
const SUSTAINED = 12
const CREATORS = 20
const COUNTED_WITHIN_MS = 30_000

export const links: Bench = { name: 'links', run }

interface Outcome extends Visited {
  /** CPU time of the server per redirect, in µs. */
  readonly cpuUs: number
  /** The same of the database's processes. */
  readonly databaseUs: number
  readonly residentMb: number
  /** Redirects that are not among the clicks in the database; less than none: clicks that were no redirects. */
  readonly uncounted: number
  /** What part of the codes was found without asking the database. */
  readonly sparedShare: number
}

/** What all measurements share. */
interface Ground {
  readonly context: BenchContext
  readonly postgres: { readonly url: string; pid(): number | null }
  readonly pool: Pool
  readonly databaseUrl: string
  readonly redisUrl: string | null
  readonly requests: readonly Buffer[]
  /** Each link once. */
  readonly all: Uint32Array
  readonly popular: Uint32Array
}

interface Measuring {
  readonly seconds: number
  readonly cold?: boolean
  readonly midway?: () => Promise<void>
}

async function run(context: BenchContext): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack()
  const postgres = await context.postgres({ max_wal_size: '4GB' })
  const databaseUrl = await newDatabase(postgres.url, 'program')
  const pool = stack.adopt(new Pool({ connectionString: databaseUrl, max: 1 }), (open) => open.end())
  const { url: redisUrl } = await context.redis()
  const requests = Array.from({ length: LINKS }, (_, number) => visitTo(number))
  const all = Uint32Array.from({ length: LINKS }, (_, number) => number)
  const ground = { context, postgres, pool, databaseUrl, redisUrl, requests, all, popular: zipf(LINKS, VISITS) }
  context.say(`making ${LINKS} links`)
  await makeLinks(ground)
  const { seconds } = context
  context.say('redirects')
  const short = await paired(context, {
    subject: () => followed(ground, { seconds }),
    peer: async () => ({ node: await bare(ground, 'node'), fastify: await bare(ground, 'fastify') }),
  })
  return [
    ...comparison(short),
    ...(await sustained(ground)),
    ...(await withoutRedis(ground)),
    ...(await cold(ground)),
    ...(await creation(ground)),
  ]
}

function comparison(measured: {
  readonly subject: readonly Outcome[]
  readonly peer: readonly { readonly node: Bare; readonly fastify: Bare }[]
}): Row[] {
  const subject = measured.subject.map(({ cpuUs }) => cpuUs)
  const peer = (name: string, of: 'node' | 'fastify') => {
    return { name, values: measured.peer.map((each) => each[of].cpuUs) }
  }
  const name = 'a redirect, its click counted: CPU'
  const cpu = { unit: 'µs/redirect', subject }
  return [
    row({ ...cpu, name, peer: peer('node:http over a Map', 'node'), target: { of: 'ratio', atMost: 1.5 } }),
    row({
      ...cpu,
      name: `${name} again`,
      peer: peer("Fastify's reply.redirect over a Map", 'fastify'),
      target: { of: 'ratio', atMost: 1 },
    }),
    row({
      name: 'the same: rate',
      unit: 'redirects/s',
      subject: measured.subject.map(({ perSecond }) => perSecond),
      peer: { name: 'node:http over a Map', values: measured.peer.map(({ node }) => node.perSecond) },
    }),
    row({
      name: 'the same: CPU of the database',
      unit: 'µs/redirect',
      subject: measured.subject.map(({ databaseUs }) => databaseUs),
    }),
  ]
}

async function sustained(ground: Ground): Promise<Row[]> {
  const seconds = ground.context.seconds * SUSTAINED
  ground.context.say(`redirects for ${seconds} s`)
  const outcome = await followed(ground, { seconds })
  const { p99Ms, perSecond, residentMb: mb, sparedShare } = outcome
  const name = `${seconds} s of redirects by one process`
  return [
    row({ name, unit: 'redirects/s', subject: [perSecond], target: { of: 'value', atLeast: 40_000 } }),
    row({ name: `${name}: p99`, unit: 'ms', subject: [p99Ms], target: { of: 'value', atMost: 20 } }),
    row({
      name: `${name}: found before the database`,
      unit: 'share',
      subject: [sparedShare],
      target: { of: 'value', atLeast: 0.95 },
    }),
    ...complete(name, outcome),
    row({ name: `${name}: resident memory at its end`, unit: 'MB', subject: [mb] }),
  ]
}

/** No visit failed, and every one was counted. */
function complete(name: string, { failed, uncounted }: Outcome): Row[] {
  const none = { unit: 'redirects', target: { of: 'value', atMost: 0 } } as const
  return [
    row({ ...none, name: `${name}: failed`, subject: [failed] }),
    row({ ...none, name: `${name}: not counted`, subject: [Math.abs(uncounted)] }),
  ]
}

async function withoutRedis(ground: Ground): Promise<Row[]> {
  ground.context.say('redirects, and Redis stops in the middle')
  const redis = await ground.context.redis()
  const outcome = await followed(
    { ...ground, redisUrl: redis.url },
    { seconds: 2 * ground.context.seconds, midway: () => redis.stop() },
  )
  const name = 'Redis stops in the middle'
  return [row({ name, unit: 'redirects/s', subject: [outcome.perSecond] }), ...complete(name, outcome)]
}

async function cold(ground: Ground): Promise<Row[]> {
  ground.context.say('redirects by a process that has just started')
  const { context } = ground
  const outcomes: Outcome[] = []
  for (let number = 0; number < context.runs; number++) {
    outcomes.push(await followed(ground, { seconds: context.seconds, cold: true }))
  }
  const name = 'a process that has just started'
  const of = (value: (outcome: Outcome) => number) => outcomes.map(value)
  return [
    row({ name, unit: 'redirects/s', subject: of(({ perSecond }) => perSecond) }),
    row({ name: `${name}: p99`, unit: 'ms', subject: of(({ p99Ms }) => p99Ms) }),
    row({ name: `${name}: found before the database`, unit: 'share', subject: of(({ sparedShare }) => sparedShare) }),
    row({
      name: `${name}: failed or not counted`,
      unit: 'redirects',
      subject: of(({ failed, uncounted }) => failed + Math.abs(uncounted)),
      target: { of: 'value', atMost: 0 },
    }),
  ]
}

async function creation(ground: Ground): Promise<Row[]> {
  ground.context.say('making links')
  const made: { perSecond: number; p99Ms: number }[] = []
  for (let number = 0; number < ground.context.runs; number++) made.push(await created(ground))
  const name = `links made by ${CREATORS} callers`
  return [
    row({
      ...{ name, unit: 'links/s', subject: made.map(({ perSecond }) => perSecond) },
      target: { of: 'value', atLeast: 1_500 },
    }),
    row({
      ...{ name: `${name}: p99`, unit: 'ms', subject: made.map(({ p99Ms }) => p99Ms) },
      target: { of: 'value', atMost: 50 },
    }),
  ]
}

/** What one measurement of the program gave. */
async function followed(ground: Ground, { cold: isCold, midway, seconds }: Measuring): Promise<Outcome> {
  const { context, postgres, requests } = ground
  await using program = await startProgram(new URL('./links-program.ts', import.meta.url))
  const { url } = await opened(program, ground, 'stoa')
  const visitors = { url, connections: VISITORS, requests }
  if (!isCold) {
    await visit({ ...visitors, order: ground.all, visits: LINKS })
    await visit({ ...visitors, order: ground.popular, seconds: WARM_UP_SECONDS })
  }
  await settled(ground)
  await checkpoint(postgres.url)
  const before = { ...(await state(ground, url)), server: cpuMs(program.pid), database: cpuMs(postgres.pid()) }
  const acting = midway && { afterSeconds: seconds / 2, act: midway }
  const visited = await visit({ ...visitors, order: ground.popular, seconds, ...(acting && { midway: acting }) })
  const clicks = await settled(ground, before.clicks + visited.redirected)
  const [server, database] = [cpuMs(program.pid) - before.server, cpuMs(postgres.pid()) - before.database]
  const after = await state(ground, url)
  const lookups = after.lookups - before.lookups
  if (visited.failed > 0) context.say(`${visited.failed} visits failed`)
  return {
    ...visited,
    cpuUs: (server * 1e3) / visited.redirected,
    databaseUs: (database * 1e3) / visited.redirected,
    residentMb: residentMb(program.pid),
    uncounted: before.clicks + visited.redirected - clicks,
    sparedShare: 1 - (after.fromDatabase - before.fromDatabase) / lookups,
  }
}

interface Bare {
  readonly perSecond: number
  readonly cpuUs: number
}

async function bare({ context, popular, requests, ...ground }: Ground, kind: 'node' | 'fastify'): Promise<Bare> {
  await using program = await startProgram(new URL('./links-program.ts', import.meta.url))
  const { url } = await opened(program, ground, kind)
  const visitors = { url, connections: VISITORS, requests, order: popular }
  await visit({ ...visitors, seconds: WARM_UP_SECONDS })
  const before = cpuMs(program.pid)
  const { perSecond, redirected } = await visit({ ...visitors, seconds: context.seconds })
  return { perSecond, cpuUs: ((cpuMs(program.pid) - before) * 1e3) / redirected }
}

async function created(ground: Ground): Promise<{ perSecond: number; p99Ms: number }> {
  await using program = await startProgram(new URL('./links-program.ts', import.meta.url))
  const { key, url } = await opened(program, ground, 'stoa')
  const load = (seconds: number) =>
    autocannon({
      url: `${url}/api/v1/links`,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ target: targetOf(1) }),
      connections: CREATORS,
      duration: seconds,
    })
  await load(WARM_UP_SECONDS)
  await checkpoint(ground.postgres.url)
  const result = await load(ground.context.seconds)
  if (result.non2xx + result.errors > 0) throw new Error(`not all were made: ${JSON.stringify(result.statusCodeStats)}`)
  return { perSecond: result['2xx'] / result.duration, p99Ms: result.latency.p99 }
}

function opened(
  program: Program,
  { databaseUrl, redisUrl }: Pick<Ground, 'databaseUrl' | 'redisUrl'>,
  kind: Opening['kind'],
): Promise<Opened> {
  return program.ask<Opened>('open', { kind, links: LINKS, databaseUrl, redisUrl } satisfies Opening)
}

/** By SQL: making them by the API is measured by itself. */
async function makeLinks(ground: Ground): Promise<void> {
  await inProgram(ground, async ({ tenantId }) => {
    const codes = Array.from({ length: LINKS }, (_, number) => codeOf(number))
    const targets = Array.from({ length: LINKS }, (_, number) => targetOf(number))
    await ground.pool.query(LINKS_MADE, [tenantId, codes, targets])
  })
  // A program that starts gives links their words that have none. That happens once, and would be measured too.
  await inProgram(ground, async () => {
    while ((await ground.pool.query('select from stoa_pool.links where not worded limit 1')).rowCount !== 0)
      await pause()
  })
  for (const table of ['stoa.link_codes', 'stoa_pool.links']) await ground.pool.query(`vacuum analyze ${table}`)
}

async function inProgram(ground: Ground, act: (opened: Opened) => Promise<void>): Promise<void> {
  await using program = await startProgram(new URL('./links-program.ts', import.meta.url))
  await act(await opened(program, ground, 'stoa'))
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 500))

const LINKS_MADE = `
with given as (
  select gen_random_uuid() as id, code, target from unnest($2::text[], $3::text[]) as all_links (code, target)
),
claimed as (
  insert into stoa.link_codes (host, code, tenant_id, link_id) select '', code, $1, id from given
)
insert into stoa_pool.links (tenant_id, id, host, code, target, tags, version, created_at, updated_at, created_by)
select $1, id, '', code, target, '{}', 1, now(), now(), 'bench' from given`

/** Waits until so many clicks are in the database, or no more come. @returns how many there are */
async function settled(ground: Ground, expected = Number.POSITIVE_INFINITY): Promise<number> {
  const until = performance.now() + COUNTED_WITHIN_MS
  for (let before = -1; ; ) {
    const now = await clicksIn(ground)
    if (now >= expected || performance.now() > until || (now === before && !Number.isFinite(expected))) return now
    before = now
    await pause()
  }
}

/** The sums and the single clicks, which must agree. */
async function clicksIn({ pool }: Ground): Promise<number> {
  const { rows } = await pool.query<{ summed: string; single: string }>(CLICKS)
  const { single, summed } = rows[0] ?? { single: '0', summed: '0' }
  if (single !== summed) throw new Error(`the sums (${summed}) are not those of the single clicks (${single})`)
  return Number(summed)
}

const CLICKS = `
select (select coalesce(sum(clicks + bots), 0) from stoa_pool.link_click_hours) as summed,
  (select count(*) from stoa_pool.link_click_log) as single`

/** How many clicks there are, and how codes were found so far. */
async function state(ground: Ground, url: string) {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lookups = [...text.matchAll(/^stoa_links_lookups_total\{by="(\w+)"\} (\d+)$/gm)]
  const count = (of: readonly RegExpMatchArray[]) => of.reduce((sum, [, , number]) => sum + Number(number), 0)
  return {
    clicks: await clicksIn(ground),
    lookups: count(lookups),
    fromDatabase: count(lookups.filter(([, by]) => by === 'database')),
  }
}
