/*
 * A PostgreSQL of its own, three workers in processes of their own, callers that enqueue without a pause; and meanwhile
 * workers are killed, one dies of a job that leaves a rejected promise behind, sessions are terminated, all connections
 * are taken, PostgreSQL is restarted, a transaction is left open. In the end every job
 * whose enqueue was acknowledged has run, and what was written in the transaction that finishes a job is there once.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createTenant, type Database, migrate, openPostgres } from '@stoa/db'
import { silentLogger, systemClock, tenantCtx } from '@stoa/kernel'
import { eventually, testCtx } from '@stoa/testkit'
import { startPostgres } from '@stoa/testkit/servers'
import { createQueue, queueMigrations } from '../src/index.ts'
import { appending, counting, EFFECTS, leaking } from './effects.ts'

const deps = { log: silentLogger, clock: systemClock }
const JOBS = 2_000
const CALLERS = 20
const POOL_SIZE = 4

class Workers implements AsyncDisposable {
  readonly #url: string
  readonly #children: ChildProcess[] = []
  constructor(url: string) {
    this.#url = url
  }

  add(): void {
    this.#children.push(fork(new URL('./worker-program.ts', import.meta.url), [this.#url], { execArgv: [] }))
  }

  /** Kills one and starts another. */
  replaceOne(): void {
    this.#children.shift()?.kill('SIGKILL')
    this.add()
  }

  async [Symbol.asyncDispose]() {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill('SIGKILL')
        await once(child, 'exit')
      }),
    )
  }
}

async function open(url: string): Promise<Database> {
  return openPostgres({ url, poolSize: POOL_SIZE, acquireTimeoutMs: 1_000 }, deps)
}

describe('a queue whose workers, sessions and server die (postgres)', () => {
  it('runs every job that was acknowledged, and those that write by their own transaction exactly once', async () => {
    await using server = await startPostgres()
    await using db = await open(server.url)
    await migrate(db, [queueMigrations], deps)
    await db.admin((session) => session.exec(EFFECTS))
    const tenant = await createTenant(db, testCtx(), [queueMigrations], {
      slug: 'acme',
      name: 'Acme',
      placement: 'pool',
    })
    const ctx = tenantCtx(testCtx(), tenant)
    const [once_, any] = [counting(db), appending(db)]
    await using queue = createQueue({ jobs: [once_, any, leaking] }, { ...deps, db })
    await using workers = new Workers(server.url)
    for (let n = 0; n < 3; n++) workers.add()

    const acknowledged: number[] = []
    let next = 0
    const call = async () => {
      while (next < JOBS) {
        const n = next++
        try {
          await queue.add(ctx, n % 2 === 0 ? once_ : any, { n })
          acknowledged.push(n)
        } catch {
          // Not acknowledged: it may run or not.
          await delay(20)
        }
      }
    }
    const calling = Promise.all(Array.from({ length: CALLERS }, call))
    const at = (share: number) => eventually(() => next >= JOBS * share)
    await at(0.1)
    workers.replaceOne()
    await at(0.3)
    await terminateSessions(db)
    await at(0.4)
    await exhaustPool(db)
    await at(0.5)
    await server.restart()
    await at(0.7)
    const leak = await eventually(() => queue.add(ctx, leaking, { n: -1 }).catch(() => null), Boolean)
    workers.replaceOne()
    workers.replaceOne()
    await calling
    // Somebody left a transaction open, with a snapshot and an id; the rest is run all the same.
    await db.admin(async (session) => {
      await session.exec('begin isolation level repeatable read; select pg_current_xact_id()')
      await eventually(async () => (await left(db)) === 0, Boolean, 90_000)
      await session.exec('rollback')
    })

    const effects = await db.admin((session) =>
      session.query<{ n: number; how: string; times: number }>(
        'select n, how, count(*)::integer as times from public.effects group by n, how',
      ),
    )
    const times = new Map(effects.map((effect) => [effect.n, effect]))
    const missing = acknowledged.filter((n) => !times.has(n))
    assert.deepEqual(missing, [], 'acknowledged and not run')
    assert.deepEqual(
      effects.filter((effect) => effect.how === 'once' && effect.times !== 1),
      [],
      'run in effect more than once',
    )
    assert.equal(
      (await queue.operations.job(ctx, leak ?? '')).result,
      'done',
      'the process that it ended was not the last',
    )
    const dead = await queue.operations.list(ctx, { states: ['dead'] })
    assert.deepEqual(dead, [])
  })
})

/** Somebody takes every connection of this process, for longer than one is waited for. */
async function exhaustPool(db: Database): Promise<void> {
  const hold = () => db.admin((session) => session.exec('select pg_sleep(1.5)')).catch(() => undefined)
  await Promise.all(Array.from({ length: POOL_SIZE }, hold))
}

async function terminateSessions(db: Database): Promise<void> {
  await db
    .admin((session) =>
      session.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename is not null',
      ),
    )
    .catch(() => undefined)
}

async function left(db: Database): Promise<number> {
  const rows = await db
    .admin((session) => session.query<{ n: number }>('select count(*)::integer as n from stoa.jobs'))
    .catch(() => [])
  return rows[0]?.n ?? -1
}
