/*
 * What our side of a request costs. Each server is a process of its own, and 50 connections ask it without a pause. The bare peers are Fastify and `pg`
 * as one writes them by hand, with prepared statements and a pool of the same size: no guard, no tenant, no row security, no limit, no
 * idempotency, no event.
 *
 * CPU is of the server's process and of the database's processes, because that is what a machine runs out of; the load comes from here and is not
 * counted.
 */
import autocannon from 'autocannon'
import { checkpoint, newDatabase } from './database.ts'
import { type Bench, type BenchContext, paired, type Row, row } from './harness.ts'
import type { Opened, Opening } from './http-program.ts'
import { cpuMs, residentMb, startProgram } from './process.ts'

const CALLERS = 50
const PEER = 'Fastify + pg by hand'
const TARGET_URL = 'https://example.org/campaigns/2026/spring'

/** What one measurement gave. */
interface Outcome {
  readonly requestsPerSecond: number
  /** CPU time of server and database per request, in µs. */
  readonly cpuUs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

interface Server extends Opened, AsyncDisposable {
  readonly residentMb: () => number
  /** Lets every caller ask for `seconds`. */
  load(request: (caller: number) => autocannon.Request): Promise<Outcome>
}

export const http: Bench = { name: 'http', run }

async function run(context: BenchContext): Promise<readonly Row[]> {
  return [...(await withDatabase(context)), ...(await withoutDatabase(context))]
}

async function withDatabase(context: BenchContext): Promise<readonly Row[]> {
  const postgres = await context.postgres()
  const databaseUrl = await newDatabase(postgres.url, 'program')
  const open = (kind: Opening['kind']) => openServer({ kind, databaseUrl, keys: CALLERS }, context, postgres)
  await using subject = await open('stoa')
  await using peer = await open('bare')
  const id = await newLink(subject)

  context.say(`GET of one row, ${CALLERS} callers`)
  const get = await paired(context, {
    subject: () =>
      subject.load((caller) => ({
        path: `/api/v1/links/${id}`,
        headers: { ...PAST_THE_CACHE, ...keyOf(subject, caller) },
      })),
    peer: () => peer.load(() => ({ path: `/links/${id}` })),
  })
  context.say(`POST of one row, ${CALLERS} callers`)
  const body = JSON.stringify({ target: TARGET_URL })
  const json = { 'content-type': 'application/json' }
  const post = await paired(context, {
    subject: () =>
      subject.load((caller) => ({
        method: 'POST',
        path: '/api/v1/links',
        body,
        setupRequest: (request) => ({
          ...request,
          headers: { ...json, ...keyOf(subject, caller), 'idempotency-key': crypto.randomUUID() },
        }),
      })),
    peer: () => peer.load(() => ({ method: 'POST', path: '/links', body, headers: json })),
  })
  return [
    ...costs('GET /api/v1/links/{id} with a key, past the cache', get, 2),
    ...costs('POST /api/v1/links with a key and an Idempotency-Key: link, code, event, answer kept', post, 2.5),
    row({
      name: 'resident memory of the program on PostgreSQL, after all of this',
      unit: 'MB',
      subject: [subject.residentMb()],
    }),
  ]
}

async function withoutDatabase(context: BenchContext): Promise<readonly Row[]> {
  const postgres = await context.postgres()
  const databaseUrl = await newDatabase(postgres.url, 'hello')
  const open = (kind: Opening['kind']) => openServer({ kind, databaseUrl, keys: CALLERS }, context, postgres)
  await using subject = await open('hello')
  await using peer = await open('bareHello')
  context.say(`hello, ${CALLERS} callers`)
  const outcome = await paired(context, {
    subject: () => subject.load((caller) => ({ path: '/hello', headers: keyOf(subject, caller) })),
    peer: () => peer.load(() => ({ path: '/hello' })),
  })
  const name = 'hello with guard, limit, log and metrics'
  return [
    row({
      ...compared(name, 'requests/s', outcome, "Fastify's hello", (o) => o.requestsPerSecond),
      target: { of: 'ratio', atLeast: 0.6 },
    }),
    row(compared(`${name}: CPU`, 'µs/request', outcome, "Fastify's hello", (o) => o.cpuUs)),
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

/** What is compared is reading a row: bench/cache.ts tells what the cache spares. */
const PAST_THE_CACHE = { 'cache-control': 'no-cache' }
const keyOf = ({ keys }: Opened, caller: number) => ({ authorization: `Bearer ${keys[caller % keys.length]}` })

async function openServer(
  opening: Opening,
  { seconds }: BenchContext,
  postgres: { readonly url: string; pid(): number | null },
): Promise<Server> {
  const program = await startProgram(new URL('./http-program.ts', import.meta.url))
  const opened = await program.ask<Opened>('open', opening)
  const cpu = () => cpuMs(program.pid) + cpuMs(postgres.pid())
  return {
    ...opened,
    residentMb: () => residentMb(program.pid),
    async load(request) {
      let caller = 0
      await checkpoint(postgres.url)
      const before = cpu()
      const result = await autocannon({
        url: opened.url,
        connections: CALLERS,
        duration: seconds,
        setupClient: (client) => client.setRequests([request(caller++)]),
      })
      const spent = cpu() - before
      const answered = result['2xx']
      if (result.non2xx + result.errors > 0)
        throw new Error(`not all answered: ${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors`)
      return {
        requestsPerSecond: answered / result.duration,
        cpuUs: (spent * 1e3) / answered,
        p50Ms: result.latency.p50,
        p99Ms: result.latency.p99,
      }
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  }
}

async function newLink(server: Opened): Promise<string> {
  const created = await fetch(`${server.url}/api/v1/links`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...keyOf(server, 0) },
    body: JSON.stringify({ target: TARGET_URL, title: 'Spring', tags: ['spring', '2026'] }),
  })
  if (created.status !== 201) throw new Error(await created.text())
  const { id } = (await created.json()) as { id: string }
  return id
}
