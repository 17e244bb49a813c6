/*
 * The queue beside those that people use: graphile-worker and pg-boss on the same PostgreSQL, BullMQ on a Redis that
 * writes an append-only file. Each runs in a process of its own with a database of its own, and the job does nothing.
 *
 * graphile-worker deletes a job that is done; so does ours when its lane keeps none, and that is what is compared. What
 * keeping costs is a row of its own.
 */
import { Pool } from 'pg'
import { checkpoint, newDatabase } from './database.ts'
import { type Bench, type BenchContext, paired, quantile, type Row, row } from './harness.ts'
import { installPeers } from './peers.ts'
import { cpuMs, type Program, startProgram } from './process.ts'
import type { ContenderName } from './queue-contenders.ts'
import type { Timed } from './queue-program.ts'
import { drainRaw, fillRaw, type RawLoop } from './queue-raw.ts'
import { taskDelays } from './queue-tasks.ts'

const JOBS = 100_000
const CALLERS = 50
const OUTSIDE_JOBS = 10_000
const SNAPSHOT_MS = 180_000
const NAMES: Readonly<Record<ContenderName, string>> = {
  stoa: 'ours',
  stoaKept: 'ours, kept',
  stoaOutside: 'ours, by leases',
  graphile: 'graphile-worker, local queue of 5,000',
  graphilePlain: 'graphile-worker',
  pgBoss: 'pg-boss, batches of 2000',
  bullmq: 'BullMQ',
}

export const queue: Bench = { name: 'queue', run }

/** What one measurement gave. */
interface Outcome {
  readonly perSecond: number
  /** CPU time of process and server per 1 000 jobs, in ms. */
  readonly cpuMs: number
  /** Bytes of write-ahead log per job. */
  readonly walBytes: number
}

async function run(context: BenchContext): Promise<readonly Row[]> {
  installPeers(context)
  return [
    ...(await drains(context)),
    ...(await enqueues(context)),
    ...(await delays(context)),
    ...(await urgent(context)),
    ...(await outside(context)),
    ...(await taskDelays(context)),
    ...(await millions(context)),
    ...(await underSnapshot(context)),
  ]
}

async function drains(context: BenchContext): Promise<Row[]> {
  const server = await context.postgres()
  const open = (name: ContenderName) => openQueue(name, server)
  await using ours = await open('stoa')
  await using kept = await open('stoaKept')
  await using graphile = await open('graphile')
  await using pgBoss = await open('pgBoss')
  const rawUrl = await newDatabase(server.url, 'raw')
  const rows: Row[] = []
  const beside = async (subject: OpenQueue, peerName: string, peer: () => Promise<Outcome>) => {
    context.say(`drain of ${JOBS} beside ${peerName}`)
    return paired(context, { subject: () => drained(subject), peer })
  }
  const add = (
    name: string,
    unit: string,
    from: Awaited<ReturnType<typeof beside>>,
    peer: string,
    of: (outcome: Outcome) => number,
    atLeast?: number,
  ) =>
    rows.push(
      row({
        name,
        unit,
        subject: from.subject.map(of),
        peer: { name: peer, values: from.peer.map(of) },
        ...(atLeast !== undefined && { target: { of: 'ratio', atLeast } }),
      }),
    )
  const name = `drain of ${JOBS.toLocaleString('en')} jobs`
  const a = await beside(ours, NAMES.graphile, () => drained(graphile))
  add(name, 'jobs/s', a, NAMES.graphile, (o) => o.perSecond, 1.2)
  add(`${name}: CPU of process and database`, 'ms per 1000', a, NAMES.graphile, (o) => o.cpuMs)
  add(`${name}: write-ahead log`, 'bytes/job', a, NAMES.graphile, (o) => o.walBytes)
  const b = await beside(ours, NAMES.pgBoss, () => drained(pgBoss))
  add(name, 'jobs/s', b, NAMES.pgBoss, (o) => o.perSecond, 1.2)
  const c = await beside(ours, 'plain SQL', () => drainedRaw(rawUrl, server.url, 'claim, then delete'))
  add(name, 'jobs/s', c, 'plain SQL, two loops that claim 500 and then delete them', (o) => o.perSecond, 0.45)
  const lossy = await beside(ours, 'plain SQL at once', () => drainedRaw(rawUrl, server.url, 'delete at once'))
  add(name, 'jobs/s', lossy, 'plain SQL, two loops that delete 500 at once: a crash loses them', (o) => o.perSecond)
  const d = await beside(kept, NAMES.stoa, () => drained(ours))
  add(`${name}, all kept for a week`, 'jobs/s', d, NAMES.stoa, (o) => o.perSecond)
  return rows
}

async function enqueues(context: BenchContext): Promise<Row[]> {
  const server = await context.postgres()
  await using ours = await openQueue('stoa', server)
  await using graphile = await openQueue('graphile', server)
  await using pgBoss = await openQueue('pgBoss', server)
  const everysec = await context.redis({ appendonly: 'yes', appendfsync: 'everysec' })
  const always = await context.redis({ appendonly: 'yes', appendfsync: 'always' })
  await using bull = await openQueue('bullmq', everysec)
  await using bullAlways = await openQueue('bullmq', always)
  const rows: Row[] = []
  const beside = async (peer: OpenQueue, peerName: string, atLeast?: number) => {
    context.say(`single enqueues beside ${peerName}`)
    const from = await paired(context, {
      subject: () => enqueued(ours, context.seconds),
      peer: () => enqueued(peer, context.seconds),
    })
    const name = `single enqueues, ${CALLERS} callers, acknowledged after the commit`
    const both = (of: (outcome: Outcome) => number) => ({
      subject: from.subject.map(of),
      peer: { name: peerName, values: from.peer.map(of) },
    })
    const target = atLeast === undefined ? {} : { target: { of: 'ratio', atLeast } as const }
    rows.push(row({ name, unit: 'jobs/s', ...both((o) => o.perSecond), ...target }))
    rows.push(row({ name: `${name}: CPU`, unit: 'ms per 1000', ...both((o) => o.cpuMs) }))
  }
  await beside(pgBoss, 'pg-boss, send', 20)
  await beside(graphile, 'graphile-worker, addJob', 20)
  await beside(bull, 'BullMQ, Redis with AOF everysec', 1)
  await beside(bullAlways, 'BullMQ, Redis with AOF always')
  return rows
}

/** From the enqueue in one process to the start in another, at 100 a second. */
async function delays(context: BenchContext): Promise<Row[]> {
  const server = await context.postgres()
  const between = async (name: ContenderName) => {
    const url = await newDatabase(server.url, `delay_${name.toLowerCase()}`)
    const worker = await startQueue(name, url)
    const enqueuer = await startQueue(name, url)
    return { worker, enqueuer }
  }
  const measure = async ({ enqueuer, worker }: { enqueuer: Program; worker: Program }) => {
    await worker.ask('work')
    const count = await enqueuer.ask<number>('enqueueSteadily', { rate: 100, seconds: context.seconds })
    const us = await worker.ask<readonly number[]>('delays', { count })
    if (us.length < count) context.say(`only ${us.length} of ${count} had started`)
    return { p50: quantile(us, 0.5) / 1_000, p99: quantile(us, 0.99) / 1_000 }
  }
  const ours = await between('stoa')
  const graphile = await between('graphilePlain')
  context.say('from enqueue to start, between processes')
  const from = await paired(context, { subject: () => measure(ours), peer: () => measure(graphile) })
  context.say('from enqueue to start, in one process')
  const alone: { p50: number; p99: number }[] = []
  for (let n = 0; n <= context.runs; n++) {
    const one = await measure({ worker: ours.worker, enqueuer: ours.worker })
    if (n > 0) alone.push(one)
  }
  for (const { enqueuer, worker } of [ours, graphile]) {
    await enqueuer[Symbol.asyncDispose]()
    await worker[Symbol.asyncDispose]()
  }
  const name = 'from enqueue to start, 100 jobs/s, another process enqueues'
  const of = (key: 'p50' | 'p99') => ({
    unit: 'ms',
    subject: from.subject.map((one) => one[key]),
    peer: { name: NAMES.graphilePlain, values: from.peer.map((one) => one[key]) },
  })
  return [
    row({ name: `${name}: p50`, ...of('p50'), target: { of: 'value', atMost: 2 } }),
    row({ name: `${name}: p99`, ...of('p99'), target: { of: 'value', atMost: 5 } }),
    row({ name: `${name}: p99`, ...of('p99'), target: { of: 'ratio', atMost: 1 } }),
    row({
      name: 'the same in one process: p50',
      unit: 'ms',
      subject: alone.map(({ p50 }) => p50),
      target: { of: 'value', atMost: 1 },
    }),
  ]
}

/** A critical job while the lane of bulk is full. */
async function urgent(context: BenchContext): Promise<Row[]> {
  const server = await context.postgres()
  const waits: number[] = []
  for (let n = 0; n < context.runs; n++) {
    const url = await newDatabase(server.url, `urgent_${n}`)
    await using worker = await startQueue('stoa', url)
    await using enqueuer = await startQueue('stoa', url)
    await worker.ask('fill', { count: 200_000, lane: 'bulk' })
    await worker.ask('work')
    const count = await enqueuer.ask<number>('enqueueSteadily', { rate: 50, seconds: 2, lane: 'critical' })
    const us = await worker.ask<readonly number[]>('delays', { count })
    waits.push(quantile(us, 0.99) / 1_000)
  }
  return [
    row({
      name: 'a critical job with 200,000 bulk jobs waiting, from enqueue to start: p99',
      unit: 'ms',
      subject: waits,
      target: { of: 'value', atMost: 25 },
    }),
  ]
}

/** Jobs that programs outside run. */
async function outside(context: BenchContext): Promise<Row[]> {
  const server = await context.postgres()
  await using ours = await openQueue('stoaOutside', server)
  const outcomes: Outcome[] = []
  for (let n = 0; n <= context.runs; n++) {
    context.say('jobs of programs outside')
    const outcome = await drained(ours, OUTSIDE_JOBS)
    if (n > 0) outcomes.push(outcome)
  }
  const name = `drain of ${OUTSIDE_JOBS.toLocaleString('en')} jobs by leases: 8 claim 20 at a time, each is completed by itself`
  return [
    row({ name, unit: 'jobs/s', subject: outcomes.map((one) => one.perSecond) }),
    row({
      name: `${name}: CPU of process and database`,
      unit: 'ms per 1000',
      subject: outcomes.map((one) => one.cpuMs),
    }),
  ]
}

/** Whether it slows down: ten rounds of 100,000 on one database. */
async function millions(context: BenchContext): Promise<Row[]> {
  const server = await context.postgres()
  await using ours = await openQueue('stoa', server)
  const perSecond: number[] = []
  for (let round = 0; round < 10; round++) {
    context.say(`the ${round + 1}. hundred thousand`)
    perSecond.push((await drained(ours)).perSecond)
  }
  const pool = new Pool({ connectionString: ours.url, max: 1 })
  const { rows } = await pool.query(
    `select n_dead_tup::integer as dead, (pg_total_relation_size('stoa.jobs') / 1e6)::float8 as mb from pg_stat_user_tables where relname = 'jobs'`,
  )
  await pool.end()
  const [first = Number.NaN] = perSecond
  return [
    row({
      name: 'rate after 1,000,000 jobs, beside that of the first 100,000',
      unit: 'jobs/s',
      subject: perSecond.slice(-3),
      peer: { name: 'the first 100,000', values: [first, first, first] },
      target: { of: 'ratio', atLeast: 0.9 },
    }),
    row({ name: 'dead rows in the table then', unit: 'rows', subject: [Number(rows[0]?.dead)] }),
    row({ name: 'size of the table with its indexes then', unit: 'MB', subject: [Number(rows[0]?.mb)] }),
  ]
}

/** Somebody holds a snapshot for three minutes, so that no dead row can be removed, while jobs come and go. */
async function underSnapshot(context: BenchContext): Promise<Row[]> {
  const server = await context.postgres()
  await using ours = await openQueue('stoa', server)
  const before = (await drained(ours)).perSecond
  const pool = new Pool({ connectionString: ours.url, max: 1, idleTimeoutMillis: 0 })
  await pool.query('begin isolation level repeatable read')
  await pool.query('select 1')
  context.say('a snapshot is held for three minutes')
  const until = performance.now() + SNAPSHOT_MS
  let last = before
  let jobs = 0
  while (performance.now() < until) {
    last = (await drained(ours)).perSecond
    jobs += JOBS
  }
  const { rows } = await pool.query(
    `select n_dead_tup::integer as dead, (pg_total_relation_size('stoa.jobs') / 1e6)::float8 as mb from pg_stat_user_tables where relname = 'jobs'`,
  )
  await pool.query('rollback')
  await pool.end()
  const after = (await drained(ours)).perSecond
  const peer = { name: 'before', values: [before] }
  return [
    row({ name: 'drain after a snapshot was held for three minutes', unit: 'jobs/s', subject: [last], peer }),
    row({ name: 'jobs that came and went meanwhile', unit: 'jobs', subject: [jobs] }),
    row({ name: 'dead rows then', unit: 'rows', subject: [Number(rows[0]?.dead)] }),
    row({ name: 'size of the table with its indexes then', unit: 'MB', subject: [Number(rows[0]?.mb)] }),
    row({ name: 'drain when the snapshot is gone', unit: 'jobs/s', subject: [after], peer }),
  ]
}

interface OpenQueue extends AsyncDisposable {
  readonly program: Program
  readonly url: string
  /** The server's, for checkpoints; null for Redis. */
  readonly serverUrl: string | null
  serverPid(): number | null
}

interface Server {
  readonly url: string
  pid(): number | null
}

async function startQueue(name: ContenderName, url: string): Promise<Program> {
  const program = await startProgram(new URL('./queue-program.ts', import.meta.url))
  await program.ask('open', { name, url })
  return program
}

async function openQueue(name: ContenderName, server: Server): Promise<OpenQueue> {
  const isRedis = name === 'bullmq'
  const url = isRedis ? server.url : await newDatabase(server.url, name.toLowerCase())
  const program = await startQueue(name, url)
  return {
    program,
    url,
    serverUrl: isRedis ? null : server.url,
    serverPid: () => server.pid(),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  }
}

async function drained(queue: OpenQueue, count = JOBS): Promise<Outcome> {
  await queue.program.ask('fill', { count })
  return measured(queue, () => queue.program.ask<Timed>('drain', { count }))
}

const enqueued = (queue: OpenQueue, seconds: number): Promise<Outcome> =>
  measured(queue, () => queue.program.ask<Timed>('enqueueFor', { callers: CALLERS, seconds }))

async function drainedRaw(url: string, serverUrl: string, how: RawLoop): Promise<Outcome> {
  await fillRaw(url, JOBS)
  await checkpoint(serverUrl)
  return { perSecond: JOBS / (await drainRaw(url, how)), cpuMs: Number.NaN, walBytes: Number.NaN }
}

async function measured(queue: OpenQueue, act: () => Promise<Timed>): Promise<Outcome> {
  if (queue.serverUrl) await checkpoint(queue.serverUrl)
  const cpu = () => cpuMs(queue.program.pid) + cpuMs(queue.serverPid())
  const before = { cpu: cpu(), wal: await walBytes(queue.serverUrl) }
  const { count, seconds } = await act()
  return {
    perSecond: count / seconds,
    cpuMs: ((cpu() - before.cpu) / count) * 1_000,
    walBytes: ((await walBytes(queue.serverUrl)) - before.wal) / count,
  }
}

async function walBytes(serverUrl: string | null): Promise<number> {
  if (serverUrl === null) return Number.NaN
  const pool = new Pool({ connectionString: serverUrl, max: 1 })
  const { rows } = await pool.query("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as bytes")
  await pool.end()
  return rows[0]?.bytes ?? Number.NaN
}
