/*
 * What our side of a request costs. 50 connections ask without a pause. The bare peers are Fastify and `pg` as one
 * writes them by hand, with prepared statements and a pool of the same size: no guard, no tenant, no row security, no
 * limit, no idempotency, no event.
 *
 * Each measurement has a server process of its own, because the same code settles at different speeds from process to
 * process. CPU is of that process and of the database's processes, because that is what a machine runs out of; the load
 * comes from here and is not counted.
 */
import autocannon from 'autocannon'
import { checkpoint, newDatabase } from './database.ts'
import { type Bench, type BenchContext, paired, type Row, row } from './harness.ts'
import type { Opened, Opening } from './http-program.ts'
import { cpuMs, residentMb, startProgram } from './process.ts'

const CALLERS = 50
const WARM_UP_SECONDS = 8
const PEER = 'Fastify + pg by hand'
const TARGET_URL = 'https://example.org/campaigns/2026/spring'

/** What one measurement gave. */
interface Outcome {
  readonly requestsPerSecond: number
  /** CPU time of server and database per request, in µs. */
  readonly cpuUs: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the server, at the end. */
  readonly residentMb: number
}

/** What a caller asks, again and again, of a server that has just been opened. */
type Asks = (server: Opened) => Promise<(caller: number) => autocannon.Request>

export const http: Bench = { name: 'http', run }

const JSON_TYPE = { 'content-type': 'application/json' }
/** What is compared is reading a row: bench/cache.ts tells what the cache spares. */
const PAST_THE_CACHE = { 'cache-control': 'no-cache' }
const LINK = { target: TARGET_URL, title: 'Spring', tags: ['spring', '2026'] }

const getLink: Asks = async (server) => {
  const id = await newLink(`${server.url}/api/v1/links`, keyOf(server, 0))
  return (caller) => ({ path: `/api/v1/links/${id}`, headers: { ...PAST_THE_CACHE, ...keyOf(server, caller) } })
}

const getRow: Asks = async (server) => {
  const id = await newLink(`${server.url}/links`, {})
  return () => ({ path: `/links/${id}` })
}

const body = JSON.stringify({ target: TARGET_URL })

const postLink: Asks = async (server) => (caller) => ({
  method: 'POST',
  path: '/api/v1/links',
  body,
  setupRequest: (request) => ({
    ...request,
    headers: { ...JSON_TYPE, ...keyOf(server, caller), 'idempotency-key': crypto.randomUUID() },
  }),
})

const postRow: Asks = async () => () => ({ method: 'POST', path: '/links', body, headers: JSON_TYPE })

const hello: Asks = async (server) => (caller) => ({ path: '/hello', headers: keyOf(server, caller) })

async function run(context: BenchContext): Promise<readonly Row[]> {
  const postgres = await context.postgres()
  const databaseUrl = await newDatabase(postgres.url, 'program')
  const measure = (kind: Opening['kind'], asks: Asks) => () =>
    outcomeOf({ kind, databaseUrl, keys: CALLERS }, asks, context, postgres)

  context.say(`GET of one row, ${CALLERS} callers`)
  const get = await paired(context, { subject: measure('stoa', getLink), peer: measure('bare', getRow) })
  context.say(`POST of one row, ${CALLERS} callers`)
  const post = await paired(context, { subject: measure('stoa', postLink), peer: measure('bare', postRow) })
  context.say(`hello, ${CALLERS} callers`)
  const greeted = await paired(context, { subject: measure('hello', hello), peer: measure('bareHello', hello) })
  const name = 'hello with guard, limit, log and metrics'
  const fastify = "Fastify's hello"
  return [
    ...costs('GET /api/v1/links/{id} with a key, past the cache', get, 2),
    ...costs('POST /api/v1/links with a key and an Idempotency-Key: link, code, event, answer kept', post, 2.5),
    row({
      name: 'resident memory of the program on PostgreSQL, after seconds of POST',
      unit: 'MB',
      subject: post.subject.map((outcome) => outcome.residentMb),
    }),
    row({
      ...compared(name, 'requests/s', greeted, fastify, (o) => o.requestsPerSecond),
      target: { of: 'ratio', atLeast: 0.6 },
    }),
    row(compared(`${name}: CPU`, 'µs/request', greeted, fastify, (o) => o.cpuUs)),
  ]
}

interface Outcomes {
  readonly subject: readonly Outcome[]
  readonly peer: readonly Outcome[]
}

function costs(name: string, outcome: Outcomes, atMost: number): Row[] {
  return [
    row({ ...compared(`${name}: CPU`, 'µs/request', outcome, PEER, (o) => o.cpuUs), target: { of: 'ratio', atMost } }),
    row(compared(`${name}: rate`, 'requests/s', outcome, PEER, (o) => o.requestsPerSecond)),
    row(compared(`${name}: p50`, 'ms', outcome, PEER, (o) => o.p50Ms)),
    row(compared(`${name}: p99`, 'ms', outcome, PEER, (o) => o.p99Ms)),
  ]
}

function compared(name: string, unit: string, outcome: Outcomes, peer: string, of: (outcome: Outcome) => number) {
  return { name, unit, subject: outcome.subject.map(of), peer: { name: peer, values: outcome.peer.map(of) } }
}

const keyOf = ({ keys }: Opened, caller: number) =>
  keys.length === 0 ? {} : { authorization: `Bearer ${keys[caller % keys.length]}` }

/** Opens a server, warms it up, and lets every caller ask for as long as a measurement lasts. */
async function outcomeOf(
  opening: Opening,
  asks: Asks,
  { seconds }: BenchContext,
  postgres: { readonly url: string; pid(): number | null },
): Promise<Outcome> {
  await using program = await startProgram(new URL('./http-program.ts', import.meta.url))
  const server = await program.ask<Opened>('open', opening)
  const request = await asks(server)
  await load(server.url, request, WARM_UP_SECONDS)
  await checkpoint(postgres.url)
  const cpu = () => cpuMs(program.pid) + cpuMs(postgres.pid())
  const before = cpu()
  const result = await load(server.url, request, seconds)
  const spent = cpu() - before
  const answered = result['2xx']
  return {
    requestsPerSecond: answered / result.duration,
    cpuUs: (spent * 1e3) / answered,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    residentMb: residentMb(program.pid),
  }
}

async function load(url: string, request: (caller: number) => autocannon.Request, seconds: number) {
  let caller = 0
  const result = await autocannon({
    url,
    connections: CALLERS,
    duration: seconds,
    setupClient: (client) => client.setRequests([request(caller++)]),
  })
  if (result.non2xx + result.errors > 0)
    throw new Error(`not all answered: ${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors`)
  return result
}

async function newLink(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const created = await fetch(url, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(LINK),
  })
  if (created.status !== 201) throw new Error(await created.text())
  const { id } = (await created.json()) as { id: string }
  return id
}
