/*
 * Random orders of what can happen to jobs, against what has to be true of them in the end: every job that was enqueued
 * and not cancelled has happened, in effect once, by the attempt that was the present one; and no attempt that was over
 * changed anything.
 *
 * Jobs do nothing by themselves: each attempt waits until the test lets it end in one way or another, which may be long
 * after its worker was given up.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { engines, eventually } from '@stoa/testkit'
import fc from 'fast-check'
import { cancelJob, type JobDefinition, type RunningJob, snoozeJob } from '../src/index.ts'
import { EFFECTS } from './effects.ts'
import { type Bench, type Numbered, numbered, QUICK, setup } from './setup.ts'

type Ending = 'done' | 'written' | 'failed' | 'snoozed' | 'cancels'

interface Waiting {
  readonly n: number
  readonly job: RunningJob
  end(ending: Ending): void
}

/** Attempts that wait for their end, those of workers that were given up included. */
class Attempts {
  readonly waiting: Waiting[] = []
  /** Numbers of which an attempt ended as done while it was not aborted. */
  readonly done = new Map<number, number>()
  /** From when on every attempt ends by itself. */
  finishing = false

  run = async (n: number, job: RunningJob): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<Ending>()
    if (this.finishing) resolve('written')
    else this.waiting.push({ n, job, end: resolve })
    const ending = await promise
    if (ending === 'failed') throw new Error('it failed')
    if (ending === 'snoozed') throw snoozeJob(1)
    if (ending === 'cancels') throw cancelJob('not wanted')
    await job.transaction((tx) =>
      tx.run({ sql: 'insert into public.effects values ($1, $2)', parameters: [n, 'once'] }),
    )
  }

  end(index: number, ending: Ending): void {
    const [one] = this.waiting.splice(index % Math.max(1, this.waiting.length), 1)
    one?.end(ending)
  }

  finish(): void {
    this.finishing = true
    for (const one of this.waiting.splice(0)) one.end('written')
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('enqueue' as const), priority: fc.integer({ min: -2, max: 2 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      index: fc.nat(20),
      ending: fc.constantFrom<Ending>('done', 'written', 'failed', 'snoozed', 'cancels'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('give up' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), index: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 30 }) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

class Story {
  readonly attempts = new Attempts()
  readonly cancelled = new Set<string>()
  readonly ids: string[] = []
  readonly #bench: Bench
  readonly #job: JobDefinition<typeof Numbered>

  constructor(bench: Bench, job: JobDefinition<typeof Numbered>) {
    this.#bench = bench
    this.#job = job
  }

  async take(one: Step): Promise<void> {
    const { ctx, db, queue } = this.#bench
    if (one.do === 'enqueue') {
      const { priority } = one
      this.ids.push(await queue.add(ctx, this.#job, { n: this.ids.length }, { priority }))
    } else if (one.do === 'end') this.attempts.end(one.index, one.ending)
    else if (one.do === 'wait') await delay(one.ms)
    else if (one.do === 'cancel') {
      const id = this.ids[one.index % Math.max(1, this.ids.length)]
      if (id)
        await queue.operations.cancel(ctx, id).then(
          (isOver) => isOver && this.cancelled.add(id),
          () => undefined,
        )
    } else {
      await db.admin((session) =>
        session.exec(
          "update stoa.job_workers set seen_at = now() - interval '1 hour', id = gen_random_uuid() where name <> 'external'",
        ),
      )
    }
  }

  /** What is wrong when everything is over; empty when nothing is. */
  async problems(): Promise<string[]> {
    const { ctx, db, queue } = this.#bench
    const effects = await db.admin((session) =>
      session.query<{ n: number; times: number }>(
        'select n, count(*)::integer as times from public.effects group by n',
      ),
    )
    const times = new Map(effects.map((effect) => [effect.n, effect.times]))
    const wrong: string[] = []
    for (const [n, id] of this.ids.entries()) {
      const { state } = await queue.operations.job(ctx, id)
      const happened = times.get(n) ?? 0
      if (this.cancelled.has(id) && state !== 'cancelled') wrong.push(`${n} was cancelled and is ${state}`)
      if (state !== 'done' && state !== 'cancelled') wrong.push(`${n} is ${state}`)
      if (state === 'done' && happened !== 1) wrong.push(`${n} is done and happened ${happened} times`)
      if (state === 'cancelled' && happened !== 0) wrong.push(`${n} was cancelled and happened ${happened} times`)
    }
    return wrong
  }
}

for (const engine of engines) {
  describe(`whatever happens to jobs on ${engine}`, () => {
    it('each has happened once in the end, unless it was cancelled', async () => {
      let story: Story | null = null
      const job = numbered((_, { n }, running) => story?.attempts.run(n, running), { retries: 100 })
      await using bench = await setup(engine, { jobs: [job], worker: { ...QUICK, slots: 5 } })
      await bench.queue.work({ ...QUICK, slots: 5 })
      await bench.db.admin((session) => session.exec(EFFECTS))
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
          await bench.db.admin((session) => session.exec('truncate public.effects'))
          story = new Story(bench, job)
          for (const one of steps) await story.take(one)
          story.attempts.finish()
          await eventually(async () => (await bench.rows()).length === 0)
          assert.deepEqual(await story.problems(), [])
        }),
        { numRuns: 15, endOnFailure: true },
      )
    })
  })
}
