/*
 * The queues that are measured, each behind the same few verbs. Peers run as their own documentation advises for speed:
 * graphile-worker with its local queue and batched completion, pg-boss in batches of 2 000 that fetch on while they come
 * full, BullMQ with a hundred jobs at a time. They are installed in `peers/` by the benchmark that needs them.
 */
import { createTenant, migrate, openPostgres } from '@stoa/db'
import { notifyTransport, relayedHints } from '@stoa/journal'
import { type Ctx, silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { createQueue, defineJob, EXTERNAL_LANE, queueMigrations, type Worker } from '@stoa/queue'
import { Pool } from 'pg'
import { Type } from 'typebox'
import { peer } from './peers.ts'

/** Called with the input of every job that runs. */
export type Ran = (input: Input) => void

/** What every job is given: where it was enqueued, in µs of the machine's clock. */
export interface Input {
  readonly at: number
}

/** A queue that is measured. */
export interface Contender extends AsyncDisposable {
  /** Enqueues many at once, as fast as it can. */
  fill(inputs: readonly Input[], lane?: Lane): Promise<void>
  /** Enqueues one. Resolves when it is durable. */
  enqueue(input: Input, lane?: Lane): Promise<unknown>
  /** Works until disposed; disposing waits until everything that ran is acknowledged. */
  work(ran: Ran): Promise<AsyncDisposable>
}

export type Lane = 'critical' | 'default' | 'bulk'
export type ContenderName = 'stoa' | 'stoaKept' | 'stoaOutside' | 'graphile' | 'graphilePlain' | 'pgBoss' | 'bullmq'

const deps = { log: silentLogger, clock: systemClock }
const NAME = 'noop'
const OUTSIDE_WORKERS = 8
const OUTSIDE_LIMIT = 20
/** It fetches when its local queue is empty, one fetch at a time: with 500 it makes a sixth of what it makes with this. */
const GRAPHILE_LOCAL = 5_000

/** Opens the queue on a database or a Redis of its own; what it needs there is made when it is missing. */
export function openContender(name: ContenderName, url: string): Promise<Contender> {
  switch (name) {
    case 'stoa':
      return stoa(url, 0)
    case 'stoaKept':
      return stoa(url, 7)
    case 'stoaOutside':
      return stoaOutside(url)
    case 'graphile':
      return graphile(url, { localQueue: { size: GRAPHILE_LOCAL }, completeJobBatchDelay: 0, failJobBatchDelay: 0 })
    case 'graphilePlain':
      return graphile(url, {})
    case 'pgBoss':
      return pgBoss(url)
    case 'bullmq':
      return bullmq(url)
  }
}

async function stoa(url: string, keepDays: number): Promise<Contender> {
  const db = await openPostgres({ url, poolSize: 10 }, deps)
  await migrate(db, [queueMigrations], deps)
  const ctx = await someone(db)
  const hints = await relayedHints(notifyTransport(db), deps, { intervalMs: 1 })
  let ran: Ran = () => undefined
  const job = defineJob({
    name: 'bench.noop',
    input: Type.Object({ at: Type.Number() }),
    run: async (_, input) => ran(input),
  })
  const lanes = {
    critical: { reserved: 2, keepDays },
    default: { keepDays },
    bulk: { reserved: 0, share: 0.5, keepDays },
  }
  const queue = createQueue({ jobs: [job], lanes }, { ...deps, db, hints })
  return {
    async fill(inputs, lane = 'default') {
      for (let at = 0; at < inputs.length; at += 5_000) {
        await db.transaction(ctx, async (tx) => queue.enqueueMany(ctx, tx, job, inputs.slice(at, at + 5_000), { lane }))
      }
    },
    enqueue: (input, lane = 'default') => queue.add(ctx, job, input, { lane }),
    async work(told) {
      ran = told
      return (await queue.work()) satisfies Worker
    },
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]()
      await hints[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
    },
  }
}

/** Jobs of programs outside: claimed by leases, some at a time, and completed one by one. */
async function stoaOutside(url: string): Promise<Contender> {
  const db = await openPostgres({ url, poolSize: OUTSIDE_WORKERS, applicationName: 'bench' }, deps)
  await migrate(db, [queueMigrations], deps)
  const ctx = await someone(db)
  const job = defineJob({ name: 'bench.outside', lane: EXTERNAL_LANE, input: Type.Object({ at: Type.Number() }) })
  const queue = createQueue({ jobs: [job], lanes: { [EXTERNAL_LANE]: { reserved: 0, keepDays: 0 } } }, { ...deps, db })
  return {
    async fill(inputs) {
      for (let at = 0; at < inputs.length; at += 5_000) {
        await db.transaction(ctx, async (tx) => queue.enqueueMany(ctx, tx, job, inputs.slice(at, at + 5_000)))
      }
    },
    enqueue: (input) => queue.add(ctx, job, input),
    async work(ran) {
      const stopping = new AbortController()
      const claim = { kinds: [{ job, leaseMs: 60_000 }], limit: OUTSIDE_LIMIT, waitMs: 1_000, signal: stopping.signal }
      const worker = async () => {
        while (!stopping.signal.aborted) {
          for (const held of await queue.leases.claim(ctx, claim)) {
            ran(held.input as Input)
            await queue.leases.complete(ctx, held, null)
          }
        }
      }
      const workers = Promise.all(Array.from({ length: OUTSIDE_WORKERS }, worker))
      return {
        async [Symbol.asyncDispose]() {
          stopping.abort()
          await workers
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
    },
  }
}

async function someone(db: Awaited<ReturnType<typeof openPostgres>>): Promise<Ctx> {
  const system = systemCtx(deps, 'bench')
  const made = await createTenant(db, system, [queueMigrations], {
    slug: 'acme',
    name: 'Acme',
    placement: 'pool',
  }).catch(async () => {
    const { tenantBySlug } = await import('@stoa/db')
    return await tenantBySlug(db, system, 'acme')
  })
  if (!made) throw new Error('no tenant')
  return tenantCtx(system, made)
}

interface GraphileWorker {
  run(options: object): Promise<{ stop(): Promise<void> }>
  makeWorkerUtils(options: object): Promise<{
    addJob(name: string, payload: object, options?: object): Promise<unknown>
    addJobs(jobs: readonly object[]): Promise<unknown>
    migrate(): Promise<void>
    release(): Promise<void>
  }>
  Logger: new (factory: () => () => void) => object
}

async function graphile(url: string, settings: object): Promise<Contender> {
  const { Logger, makeWorkerUtils, run } = peer<GraphileWorker>('graphile-worker')
  const logger = new Logger(() => () => undefined)
  const pgPool = new Pool({ connectionString: url, max: 50 })
  const utils = await makeWorkerUtils({ pgPool, logger })
  await utils.migrate()
  return {
    async fill(inputs) {
      for (let at = 0; at < inputs.length; at += 5_000) {
        await utils.addJobs(inputs.slice(at, at + 5_000).map((payload) => ({ identifier: NAME, payload })))
      }
    },
    enqueue: (input) => utils.addJob(NAME, input),
    async work(ran) {
      const taskList = { [NAME]: async (payload: Input) => ran(payload) }
      const worker = { connectionString: url, concurrentJobs: 24, maxPoolSize: 12, ...settings }
      const runner = await run({ logger, noHandleSignals: true, taskList, preset: { worker } })
      return { [Symbol.asyncDispose]: () => runner.stop() }
    },
    async [Symbol.asyncDispose]() {
      await utils.release()
      await pgPool.end()
    },
  }
}

interface Boss {
  start(): Promise<unknown>
  stop(options: object): Promise<void>
  createQueue(name: string, options?: object): Promise<void>
  insert(name: string, jobs: readonly object[]): Promise<unknown>
  send(name: string, data: object): Promise<unknown>
  work(name: string, options: object, run: (jobs: readonly { data: Input }[]) => Promise<void>): Promise<string>
  offWork(name: string, options?: object): Promise<void>
  on(event: string, fn: () => void): void
}

async function pgBoss(url: string): Promise<Contender> {
  const { PgBoss } = peer<{ PgBoss: new (options: object) => Boss }>('pg-boss')
  const boss = new PgBoss({ connectionString: url, max: 20, schedule: false, useListenNotify: true })
  boss.on('error', () => undefined)
  await boss.start()
  await boss.createQueue(NAME, { notify: true }).catch(() => undefined)
  return {
    async fill(inputs) {
      for (let at = 0; at < inputs.length; at += 5_000) {
        await boss.insert(
          NAME,
          inputs.slice(at, at + 5_000).map((data) => ({ data })),
        )
      }
    },
    enqueue: (input) => boss.send(NAME, input),
    async work(ran) {
      const options = { batchSize: 2_000, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true, localConcurrency: 2 }
      await boss.work(NAME, options, async (jobs) => {
        for (const { data } of jobs) ran(data)
      })
      return { [Symbol.asyncDispose]: () => boss.offWork(NAME, { wait: true }) }
    },
    [Symbol.asyncDispose]: () => boss.stop({ graceful: false }),
  }
}

interface Bull {
  Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, data: object, options?: object): Promise<unknown>
    addBulk(jobs: readonly object[]): Promise<unknown>
    close(): Promise<void>
  }
  Worker: new (
    name: string,
    run: (job: { data: Input }) => Promise<void>,
    options: object,
  ) => { close(): Promise<void>; waitUntilReady(): Promise<unknown> }
}

async function bullmq(url: string): Promise<Contender> {
  const { Queue, Worker } = peer<Bull>('bullmq')
  const { hostname, port } = new URL(url)
  const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null }
  const queue = new Queue(NAME, { connection, defaultJobOptions: { removeOnComplete: true } })
  return {
    async fill(inputs) {
      for (let at = 0; at < inputs.length; at += 1_000) {
        await queue.addBulk(inputs.slice(at, at + 1_000).map((data) => ({ name: NAME, data })))
      }
    },
    enqueue: (input) => queue.add(NAME, input),
    async work(ran) {
      const worker = new Worker(NAME, async ({ data }) => ran(data), { connection, concurrency: 100 })
      await worker.waitUntilReady()
      return { [Symbol.asyncDispose]: () => worker.close() }
    },
    [Symbol.asyncDispose]: () => queue.close(),
  }
}
