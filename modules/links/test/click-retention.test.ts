import assert from 'node:assert/strict'
import { it } from 'node:test'
import { silentLogger, systemCtx, type Tenant, tenantCtx } from '@stoa/kernel'
import { uuidBytes } from '../src/click-encoding.ts'
import { deleteOldClicks, retainClicks } from '../src/click-retention.ts'
import { insertClicks } from '../src/click-store.ts'
import { seedLink } from '../src/testing.ts'
import { describeEverywhere } from './setup.ts'

const DAY_MS = 86_400_000

describeEverywhere('keeping clicks', (place) => {
  async function setup(ages: readonly number[]) {
    const { client, suite, tenant } = place()
    const { db, clock } = suite
    const ctx = systemCtx({ log: silentLogger, clock }, 'test')
    const link = await seedLink(client)
    const own = { tenant, link: uuidBytes(link.id), bot: false, referrerHost: null }
    const clicks = ages.map((days, number) => ({ ...own, number, at: clock.now() - days * DAY_MS }))
    await db.transaction(tenantCtx(ctx, tenant), (tx) => insertClicks(tx, tenant.id, clicks))
    const kept = async ({ schema }: Tenant = tenant) => {
      const rows = await db.admin((session) =>
        session.query<{ id: string }>(`select id from ${schema}.link_clicks where link_id = $1`, [link.id]),
      )
      return rows.length
    }
    const total = async () => (await client.get(`/api/v1/links/${link.id}/clicks`)).body.total.clicks
    return { ctx, db, kept, total, suite }
  }

  it('deletes those that are older than so many days, and no count changes', async () => {
    const { ctx, db, kept, total } = await setup([0, 89, 91, 400])
    const deleted = await deleteOldClicks(db, ctx, 90)
    assert.ok(deleted >= 2)
    assert.equal(await kept(), 2)
    assert.equal(await total(), 4)
    assert.equal(await deleteOldClicks(db, ctx, 90), 0)
  })

  it('happens by itself a while after the start, and its end waits for nothing', async () => {
    const { ctx, db, kept } = await setup([400])
    const naps = [Promise.resolve(), new Promise<void>(() => {})]
    const slept: number[] = []
    const asleep = Promise.withResolvers<void>()
    const clock = {
      now: ctx.clock.now,
      sleep: (ms: number, signal?: AbortSignal | null) => {
        slept.push(ms)
        if (slept.length === 2) asleep.resolve()
        const woken = new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
        return Promise.race([naps[slept.length - 1], woken])
      },
    }
    {
      await using _running = retainClicks(db, { ...ctx, clock }, 90)
      await asleep.promise
      assert.equal(await kept(), 0)
    }
    assert.deepEqual(slept, [60_000, DAY_MS])
  })

  it('ends in the middle when it is told to', async () => {
    const { ctx, db, kept } = await setup([400])
    assert.equal(await deleteOldClicks(db, { ...ctx, signal: AbortSignal.abort() }, 90), 0)
    assert.equal(await kept(), 1)
  })
})
