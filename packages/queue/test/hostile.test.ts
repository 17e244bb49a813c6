import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { Type } from 'typebox'
import { defineJob, type QueueDeps, queueErrors } from '../src/index.ts'
import { numbered, QUICK, setup } from './setup.ts'

for (const engine of engines) {
  describe(`what a queue is given on ${engine}`, () => {
    it('and does not fit is refused before anything is sent', async () => {
      const text = defineJob({ name: 'test.text', input: Type.Object({ text: Type.String() }), run: () => undefined })
      await using bench = await setup(engine, { jobs: [text] })
      const { ctx, db, queue } = bench
      const refused = (code: keyof typeof queueErrors) => (error: unknown) => isError(error, queueErrors[code])
      const add = async (input: unknown, options = {}) => queue.add(ctx, text, input as { text: string }, options)
      await assert.rejects(add({ text: 'x'.repeat(5_000_000) }), refused('job_input_too_large'))
      await assert.rejects(add({ text: 'a\0b' }), refused('job_input_invalid'))
      await assert.rejects(add({ text: '\uD800' }), refused('job_input_invalid'))
      await assert.rejects(add(null), refused('job_input_invalid'))
      await assert.rejects(add({ text: 'ok' }, { lane: 'bulkk' }), /there is no lane 'bulkk', did you mean 'bulk'/)
      await assert.rejects(add({ text: 'ok' }, { delayMs: -1 }), RangeError)
      await assert.rejects(add({ text: 'ok' }, { runAt: new Date(Number.NaN) }), RangeError)
      await assert.rejects(add({ text: 'ok' }, { priority: 0.5 }), RangeError)
      assert.throws(() => queue.definition('test.texts'), /did you mean 'test.text'/)
      await assert.rejects(
        db.transaction(ctx, async () => queue.add(ctx, text, { text: 'inside' })),
        TypeError,
      )
      assert.deepEqual(await bench.rows(), [])
      const injected = `'); drop table stoa.jobs; -- \\ " {}, \u{1F600}`
      const id = await add({ text: injected })
      const done = await eventually(
        () => queue.operations.job(ctx, id),
        ({ state }) => state === 'done',
      )
      assert.deepEqual(done.input, { text: injected })
    })

    it('to run may block, throw anything, give back what has no JSON, and leave promises behind', async () => {
      const circle: { self?: unknown } = {}
      circle.self = circle
      const odd: Record<number, () => unknown> = {
        0: () => {
          const until = performance.now() + 120
          while (performance.now() < until);
          return 'blocked'
        },
        1: () => circle,
        2: () => 10n,
        3: () => 'x'.repeat(300_000),
        4: () => Promise.reject(undefined),
        5: () => () => 'a function',
      }
      const job = numbered((_, { n }) => odd[n]?.(), { retries: 0, timeoutMs: 10_000 })
      await using bench = await setup(engine, { jobs: [job], worker: { ...QUICK, deadAfterMs: 5_000 } })
      const { ctx, queue } = bench
      const ids = await Promise.all(Object.keys(odd).map((n) => queue.add(ctx, job, { n: Number(n) })))
      const ended = await eventually(
        () => Promise.all(ids.map((id) => queue.operations.job(ctx, id))),
        (rows) => rows.every(({ finishedAt }) => finishedAt !== null),
      )
      assert.deepEqual(
        ended.map(({ error, state }) => [state, error?.reason]),
        [
          ['done', undefined],
          ['dead', 'result_invalid'],
          ['dead', 'result_invalid'],
          ['dead', 'result_invalid'],
          ['dead', 'error'],
          ['done', undefined],
        ],
      )
    })

    it('and cannot even be looked at is put off, and holds nobody up', async () => {
      let broken = false
      const fits = () => {
        if (broken) throw new TypeError('the schema is at fault')
        return true
      }
      const input = Type.Refine(Type.Object({}), fits)
      const unclear = defineJob({ name: 'test.unclear', input, run: () => undefined })
      const clear = numbered(() => undefined)
      await using bench = await setup(engine, { jobs: [unclear, clear] })
      const { ctx, queue } = bench
      await queue.add(ctx, clear, { n: 0 })
      const first = await queue.add(ctx, unclear, {}, { delayMs: 50 })
      broken = true
      const failures = () => bench.signals.filter((signal) => signal.kind === 'failed' && signal.what === 'start')
      await eventually(() => failures().length > 0)
      const second = await queue.add(ctx, clear, { n: 1 })
      await eventually(async () => (await queue.operations.job(ctx, second)).state === 'done')
      assert.equal((await queue.operations.job(ctx, first)).state, 'scheduled')
    })

    it('to tell and cannot be told holds nobody up', async () => {
      let dumb = true
      const announce: QueueDeps['announce'] = (_ctx, _tx, { kind }, transition) => {
        if (transition.kind === 'done' && transition.result === 'no words') throw new TypeError('there are none')
        if (kind === 'test.never' && transition.kind !== 'started' && dumb) throw new TypeError('not at all')
      }
      const never = numbered(() => 'never', { name: 'test.never', tracked: true })
      const job = numbered((_, { n }) => (n === 1 ? 'no words' : { 'a\0b': n }), { tracked: true })
      await using bench = await setup(engine, { jobs: [never, job], deps: { announce }, worker: null })
      const { ctx, db, queue } = bench
      // As if it had been enqueued by somebody who could be told.
      dumb = false
      const silent = await queue.add(ctx, never, { n: 0 })
      dumb = true
      const ids = [await queue.add(ctx, job, { n: 1 }), await queue.add(ctx, job, { n: 2 })]
      await queue.work(QUICK)
      const ended = await eventually(
        () => Promise.all(ids.map((id) => queue.operations.job(ctx, id))),
        (rows) => rows.every(({ finishedAt }) => finishedAt !== null),
      )
      assert.deepEqual(
        ended.map(({ error, result, state }) => [state, result, error?.reason]),
        [
          ['dead', null, 'result_invalid'],
          ['done', { 'a\uFFFDb': 2 }, undefined],
        ],
      )
      assert.equal((await queue.operations.job(ctx, silent)).state, 'running')
      dumb = false
      await eventually(async () => (await queue.operations.job(ctx, silent)).state === 'dead')
      assert.deepEqual(await db.admin((session) => session.query('select 1 from stoa.jobs')), [])
    })

    it('by another tenant is not seen, cancelled, retried or made new', async () => {
      const job = numbered(() => undefined)
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, queue } = bench
      const stranger = await bench.tenant('stranger')
      const id = await queue.add(ctx, job, { n: 1 }, { delayMs: 60_000 })
      const notFound = (error: unknown) => isError(error, queueErrors.job_not_found)
      const { operations } = queue
      await assert.rejects(operations.job(stranger, id), notFound)
      await assert.rejects(operations.cancel(stranger, id), notFound)
      await assert.rejects(operations.retry(stranger, id), notFound)
      await assert.rejects(operations.redrive(stranger, id), notFound)
      assert.deepEqual(await operations.list(stranger), [])
      assert.equal((await bench.rows()).length, 1)
    })
  })
}

describe('a definition', () => {
  it('that is malformed is refused with what is wrong', () => {
    const input = Type.Object({})
    assert.throws(() => defineJob({ name: 'mail', input }), /is not like 'mail.send'/)
    assert.throws(() => defineJob({ name: 'a.b', input, retrys: 3 } as never), /did you mean 'retries'/)
    assert.throws(
      () => defineJob({ name: 'a.b', input, retryMinMs: 10, retryMaxMs: 5 }),
      /retryMinMs must not be above/,
    )
    assert.throws(() => defineJob({ name: 'a.b', input, concurrency: { limit: 0 } }), /concurrency.limit/)
  })
})
