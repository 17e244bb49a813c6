import assert from 'node:assert/strict'
import { it } from 'node:test'
import { silentLogger, systemCtx, tenantCtx } from '@stoa/kernel'
import { clickDifferences, examineClicks } from '../src/analytics/click-audit.ts'
import { foldBatches } from '../src/analytics/click-fold-store.ts'
import { seedLink } from '../src/testing.ts'
import { GOOGLEBOT, writeClicks } from './click-supply.ts'
import { describeEverywhere } from './setup.ts'

const HOUR_MS = 3_600_000

describeEverywhere('the examination of clicks', (place) => {
  async function setup() {
    const { client, suite, tenant } = place()
    const { clock, db } = suite
    const link = await seedLink(client)
    const base = systemCtx({ log: silentLogger, clock }, 'test')
    const ctx = tenantCtx(base, tenant)
    const now = clock.now()
    await writeClicks(suite, tenant, link.id, [{ at: now - 9 * HOUR_MS }])
    for (const hours of [5, 3, 1]) {
      const at = now - hours * HOUR_MS
      await writeClicks(suite, tenant, link.id, [{ at }, { at: at + 1 }, { at, agent: GOOGLEBOT }])
    }
    await db.transaction(ctx, (tx) => foldBatches(tx, tenant.id, 1))
    const look = () => db.read(ctx, (tx) => clickDifferences(tx, tenant.id, new Date(now - 24 * HOUR_MS)))
    const tamper = (sql: string) => db.admin((session) => session.query(sql, [link.id]))
    return { base, db, look, tamper, tenant }
  }

  it('finds that sums, facets and rows agree, folded or not', async () => {
    const { base, db, look } = await setup()
    assert.deepEqual(await look(), { sums: 0, facets: 0 })
    const found = await examineClicks(db, base)
    assert.ok(found.length === 1)
  })

  it('finds a sum that is wrong, and names the tenant', async () => {
    const { base, db, look, tamper, tenant } = await setup()
    const change = (by: string) =>
      tamper(
        `update ${tenant.schema}.link_click_hours set clicks = clicks ${by} where link_id = $1 and hour = (select max(hour) from ${tenant.schema}.link_click_hours where link_id = $1)`,
      )
    await change('+ 1')
    assert.deepEqual(await look(), { sums: 1, facets: 0 })
    const [said] = await examineClicks(db, base)
    assert.equal(said?.ok, false)
    assert.match(said?.text ?? '', new RegExp(tenant.slug))
    await change('- 1')
    assert.deepEqual(await look(), { sums: 0, facets: 0 })
  })
})
