import assert from 'node:assert/strict'
import { it } from 'node:test'
import { silentLogger, systemCtx } from '@stoa/kernel'
import { dayOf } from '../src/analytics/visitor-salts.ts'
import { keepDays } from '../src/clicks/click-days.ts'
import { seedLink } from '../src/testing.ts'
import { writeClicks } from './click-supply.ts'
import { describeEverywhere } from './setup.ts'

const DAY_MS = 86_400_000

describeEverywhere('keeping clicks', (place) => {
  async function setup(ages: readonly number[]) {
    const { client, suite, tenant } = place()
    const { db, clock } = suite
    const link = await seedLink(client)
    const clicks = ages.map((days) => ({ at: clock.now() - days * DAY_MS }))
    await writeClicks(suite, tenant, link.id, clicks)
    const ctx = systemCtx({ log: silentLogger, clock }, 'test')
    const kept = async () => {
      const rows = await db.admin((session) =>
        session.query<{ partition: string }>(
          `select tableoid::regclass::text as partition from ${tenant.schema}.link_click_log where link_id = $1 order by at`,
          [link.id],
        ),
      )
      return rows.map(({ partition }) => partition.replace(/^.*link_click_log_/, ''))
    }
    const total = async () => (await client.get(`/api/v1/links/${link.id}/clicks`)).body.total.clicks
    return { ctx, db, kept, link, suite, tenant, total }
  }

  it('deletes those that are older than so many days, and no count changes', async () => {
    const { ctx, db, kept, total } = await setup([0, 89, 91, 400])
    await keepDays(db, ctx, 90)
    assert.equal((await kept()).length, 2)
    assert.equal(await total(), 4)
    await keepDays(db, ctx, 90)
    assert.equal((await kept()).length, 2)
  })

  it('gives each day a partition of its own ahead of time, and drops it as a whole when it is old', async () => {
    const { ctx, db, kept, link, suite, tenant, total } = await setup([])
    await keepDays(db, ctx, 90)
    const tomorrow = ctx.clock.now() + DAY_MS
    await writeClicks(suite, tenant, link.id, [{ at: tomorrow }, { at: tomorrow }])
    const day = dayOf(tomorrow).replaceAll('-', '')
    assert.deepEqual(await kept(), [day, day])
    await keepDays(db, { ...ctx, clock: { ...ctx.clock, now: () => tomorrow + 92 * DAY_MS } }, 90)
    assert.deepEqual(await kept(), [])
    assert.equal(await total(), 2)
  })
})
