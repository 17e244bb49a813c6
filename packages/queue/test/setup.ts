import { createTenant, type Database } from '@stoa/db'
import { type Clock, type Ctx, silentLogger, systemClock, tenantCtx } from '@stoa/kernel'
import { type Engine, openTestDatabase, testCtx } from '@stoa/testkit'
import { Type } from 'typebox'
import {
  createQueue,
  defineJob,
  type JobDefinition,
  type JobSpec,
  type Queue,
  type QueueDeps,
  type QueueSignal,
  queueMigrations,
  type WorkerOptions,
} from '../src/index.ts'

export const Numbered = Type.Object({ n: Type.Integer() })

/** A job kind that takes a number, with what is wanted of it. */
export function numbered(
  run: JobSpec<typeof Numbered>['run'],
  over: Partial<JobSpec<typeof Numbered>> = {},
): JobDefinition<typeof Numbered> {
  return defineJob({
    name: 'test.numbered',
    input: Numbered,
    retryMinMs: 1,
    retryMaxMs: 5,
    ...over,
    ...(run && { run }),
  })
}

export interface BenchOptions {
  readonly jobs?: readonly JobDefinition[]
  readonly clock?: Clock
  readonly lanes?: Parameters<typeof createQueue>[0]['lanes']
  readonly deps?: Partial<QueueDeps>
  /** Null: no worker is started. */
  readonly worker?: WorkerOptions | null
}

/** A queue on a database of its own, with a worker. */
export interface Bench extends AsyncDisposable {
  readonly db: Database
  readonly url: string | null
  readonly queue: Queue
  readonly ctx: Ctx
  readonly signals: QueueSignal[]
  tenant(slug: string): Promise<Ctx>
  /** Another queue on the same database, as another process has it. */
  another(options?: Omit<BenchOptions, 'clock'>): Promise<{ queue: Queue; signals: QueueSignal[] }>
  /** What the table says of all jobs that are not finished. */
  rows(): Promise<{ id: string; kind: string; state: string; attempt: number; failures: number; rescues: number }[]>
}

/** Short times, so that tests that wait for them do not wait for long. */
export const QUICK: WorkerOptions = { pollMs: 20, heartbeatMs: 50, deadAfterMs: 500, drainMs: 2_000 }

export async function setup(engine: Engine, options: BenchOptions = {}): Promise<Bench> {
  const { clock = systemClock } = options
  const database = await openTestDatabase(engine, { sets: [queueMigrations], name: 'queue' })
  const opened: Queue[] = []
  const open = async (db: Database, { deps, jobs = [], lanes, worker = QUICK }: BenchOptions) => {
    const signals: QueueSignal[] = []
    const queue = createQueue(
      { jobs, ...(lanes && { lanes }) },
      { db, log: silentLogger, clock, observe: (signal) => void signals.push(signal), ...deps },
    )
    opened.push(queue)
    if (worker) await queue.work(worker)
    return { queue, signals }
  }
  const tenant = async (slug: string) => {
    const made = await createTenant(database.db, testCtx({ clock }), [queueMigrations], {
      slug,
      name: slug,
      placement: 'pool',
    })
    return tenantCtx(testCtx({ clock }), made)
  }
  const ctx = await tenant('acme')
  const { queue, signals } = await open(database.db, options)
  return {
    db: database.db,
    url: database.url,
    queue,
    ctx,
    signals,
    tenant,
    another: async (over = {}) => open(await database.open(), { ...options, ...over }),
    rows: () =>
      database.db.admin((session) =>
        session.query('select id, kind, state, attempt, failures, rescues from stoa.jobs order by id'),
      ),
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
