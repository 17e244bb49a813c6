import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Ctx } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { type Bench, numbered, QUICK, setup } from './setup.ts'

for (const engine of engines) {
  describe(`the order of jobs on ${engine}`, () => {
    it('is by priority, then by turns of the tenants, then by age', async () => {
      const ran: string[] = []
      const job = numbered((ctx, { n }) => void ran.push(`${ctx.tenant.slug}${n}`))
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { queue } = bench
      const [a, b, c] = await tenants(bench, 'aaa', 'bbb', 'ccc')
      for (let n = 1; n <= 4; n++) await queue.add(a, job, { n })
      for (let n = 1; n <= 2; n++) await queue.add(b, job, { n })
      await queue.add(c, job, { n: 1 })
      await queue.add(b, job, { n: 9 }, { priority: 5 })
      await queue.work({ ...QUICK, slots: 1, maxPrefetch: 1, lanes: ['default'] })
      await eventually(() => ran.length === 8)
      assert.deepEqual(ran, ['bbb9', 'aaa1', 'bbb1', 'ccc1', 'aaa2', 'bbb2', 'aaa3', 'aaa4'])
    })

    it('lets no tenant wait for the thousand jobs of another', async () => {
      const ran: string[] = []
      const job = numbered((ctx) => void ran.push(ctx.tenant.slug))
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { db, queue } = bench
      const [many, one] = await tenants(bench, 'many', 'one')
      await db.transaction(many, async (tx) => {
        for (let n = 0; n < 1_000; n++) queue.enqueue(many, tx, job, { n })
      })
      await queue.add(one, job, { n: 1 })
      await queue.work(QUICK)
      await eventually(() => ran.length === 1_001)
      assert.ok(ran.indexOf('one') < 100, `it was the ${ran.indexOf('one')}th`)
    })

    it('lets no tenant wait for jobs of another that may not begin: of a paused kind, or out of turns', async () => {
      const ran: string[] = []
      const run: Parameters<typeof numbered>[0] = (ctx, { n }) => void ran.push(`${ctx.tenant.slug}${n}`)
      const paused = numbered(run, { name: 'test.paused' })
      const takeTurn = (ctx: Ctx) => ({ allowed: ctx.tenant.slug !== 'aaa', retryAfterMs: 60_000 })
      const limited = numbered(run, { takeTurn })
      await using bench = await setup(engine, { jobs: [paused, limited], worker: null })
      const { queue } = bench
      const [a, b] = await tenants(bench, 'aaa', 'bbb')
      await queue.operations.pause({ kind: paused.name })
      for (let n = 1; n <= 3; n++) await queue.add(a, paused, { n })
      for (let n = 1; n <= 3; n++) await queue.add(a, limited, { n })
      for (let n = 1; n <= 3; n++) await queue.add(b, limited, { n })
      await queue.work({ ...QUICK, slots: 1, maxPrefetch: 1, lanes: ['default'] })
      await eventually(() => ran.length === 3)
      assert.deepEqual(ran, ['bbb1', 'bbb2', 'bbb3'])
      await eventually(async () => (await bench.rows()).length === 6)
      const waits = (await bench.rows()).map(({ kind, state }) => `${kind} ${state}`)
      assert.deepEqual(waits.toSorted(), [
        'test.numbered ready',
        'test.numbered ready',
        'test.numbered scheduled',
        'test.paused ready',
        'test.paused ready',
        'test.paused ready',
      ])
    })

    it('lets the event loop go on between jobs that never wait, also when their tenant has to be found first', async (t) => {
      let ran = 0
      let ranInTurn = 0
      let most = 0
      const job = numbered(() => {
        const until = performance.now() + 0.2
        while (performance.now() < until);
        ran++
        most = Math.max(most, ++ranInTurn)
      })
      await using bench = await setup(engine, { jobs: [job], worker: null })
      const { ctx, db, queue } = bench
      await queue.work({ ...QUICK, slots: 500, maxPrefetch: 500 })
      const over = new AbortController()
      t.after(() => over.abort())
      const turn = () => {
        ranInTurn = 0
        if (!over.signal.aborted) setImmediate(turn)
      }
      turn()
      for (const tenant of ['unknown', 'known']) {
        const before = ran
        await db.transaction(ctx, async (tx) => {
          for (let n = 0; n < 500; n++) queue.enqueue(ctx, tx, job, { n })
        })
        await eventually(() => ran === before + 500)
        assert.ok(most <= 60, `${most} in one turn, of a tenant that was ${tenant}`)
      }
    })

    it('lets no lane wait for the jobs of another, however long they take', async () => {
      const go = Promise.withResolvers<void>()
      const ran: string[] = []
      const slow = numbered(() => go.promise, { name: 'test.slow', lane: 'bulk' })
      const urgent = numbered(() => void ran.push('urgent'), { name: 'test.urgent', lane: 'critical' })
      const usual = numbered(() => void ran.push('usual'))
      await using bench = await setup(engine, { jobs: [slow, urgent, usual], worker: { ...QUICK, slots: 6 } })
      const { ctx, queue } = bench
      await Promise.all(Array.from({ length: 50 }, (_, n) => queue.add(ctx, slow, { n })))
      await eventually(async () => (await bench.rows()).some(({ state }) => state === 'running'))
      await queue.add(ctx, urgent, { n: 1 })
      await queue.add(ctx, usual, { n: 1 })
      await eventually(() => ran.length === 2)
      const running = (await bench.rows()).filter(({ kind, state }) => kind === 'test.slow' && state === 'running')
      assert.ok(
        running.length <= 3,
        'bulk takes no more than half of the slots, and claims nothing that it cannot begin',
      )
      go.resolve()
    })
  })
}

async function tenants(bench: Bench, ...slugs: string[]): Promise<[Ctx, Ctx, Ctx]> {
  const made: Ctx[] = []
  for (const slug of slugs) made.push(await bench.tenant(slug))
  return made as [Ctx, Ctx, Ctx]
}
