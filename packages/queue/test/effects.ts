// Jobs whose effects can be counted.
import type { Database, Tx } from '@stoa/db'
import { statement } from '@stoa/db'
import { numbered } from './setup.ts'

/** The table of the effects, which belongs to nobody. */
export const EFFECTS = `create table if not exists public.effects (n integer not null, how text not null);
grant select, insert on public.effects to stoa_app, stoa_system`

const effect = statement<[n: number, how: string], never>('insert into public.effects (n, how) values ($1, $2)')

/** Never ends by itself. */
export const stuck = numbered(() => new Promise(() => undefined), { name: 'test.stuck' })

/** The first attempt lets nobody else be heard in its process, for longer than a worker there may be silent. */
export const blocking = numbered(
  (_ctx, _input, job) => {
    if (job.attempt === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000)
    return 'late'
  },
  { name: 'test.block' },
)

/** The first attempt leaves a rejected promise behind, of which its process dies. */
export const leaking = numbered(
  (_ctx, _input, job) => {
    if (job.attempt === 1) void Promise.reject(new Error('left behind'))
    return job.attempt === 1 ? new Promise(() => undefined) : 'done'
  },
  { name: 'test.leak' },
)

/** Its effect happens exactly once: it is written in the transaction that finishes the job. */
export function counting(_db: Database) {
  return numbered(
    async (_, { n }, job) => {
      await job.transaction(async (tx: Tx) => void (await tx.run(effect(n, 'once'))))
    },
    { name: 'test.count', timeoutMs: 5_000, retries: 50, retryMaxMs: 100 },
  )
}

/** Its effect happens at least once. */
export function appending(db: Database) {
  return numbered(
    async (ctx, { n }) => {
      await db.transaction(ctx, (tx) => tx.run(effect(n, 'any')))
    },
    { name: 'test.append', timeoutMs: 5_000, retries: 50, retryMaxMs: 100 },
  )
}
