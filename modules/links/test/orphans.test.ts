import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { engines } from '@stoa/testkit'
import { Orphans } from '../src/analytics/orphans.ts'
import { startSuite } from './setup.ts'

for (const engine of engines) {
  describe(`visits that find no link on ${engine}`, () => {
    it('are counted by host and word, also when many write at once, and few words of a scan are kept', async () => {
      await using suite = await startSuite(engine)
      const base = systemCtx({ log: silentLogger, clock: systemClock }, 'test')
      const ctx = tenantCtx(base, suite.tenants.pooled)
      const [space, other] = [randomUUID(), randomUUID()]
      await using first = new Orphans(suite.db, base)
      await using second = new Orphans(suite.db, base)
      for (const orphans of [first, second]) {
        for (let n = 0; n < 3; n++) orphans.note(space, 'sprnig')
        orphans.note(space, 'wp-admin/setup.php')
        orphans.note(space, "'; drop table links; --")
        orphans.note(other, 'elsewhere')
      }
      await Promise.all([first.flush(), second.flush()])
      const list = async (limit = 100) =>
        (await first.list(ctx, space, undefined, limit)).map(({ visits, word }) => [word, visits])
      assert.deepEqual(await list(), [
        ['sprnig', 6],
        ['*', 2],
        ['wp-admin', 2],
      ])
      assert.equal(first.counted, 6)
      for (let round = 0; round < 4; round++) {
        for (let n = 0; n < 2_000; n++) first.note(space, `scan${round}-${n}`)
        await first.flush()
      }
      first.note(space, 'sprnig')
      await first.flush()
      const words = await list(10_000)
      assert.ok(words.length <= 1_001, `${words.length} words`)
      assert.equal(
        words.reduce((sum, [, visits]) => sum + Number(visits), 0),
        8_011,
      )
      assert.equal(Object.fromEntries(words).sprnig, 7)
    })

    it('are not lost when they cannot be written, and those of the short host are in the metrics', async () => {
      await using suite = await startSuite(engine)
      const base = systemCtx({ log: silentLogger, clock: systemClock }, 'test')
      let away = true
      const db = {
        ...suite.db,
        system: (...given: Parameters<typeof suite.db.system>) =>
          away ? Promise.reject(new Error('away')) : suite.db.system(...given),
        systemRead: (...given: Parameters<typeof suite.db.systemRead>) => suite.db.systemRead(...given),
      } as typeof suite.db
      await using orphans = new Orphans(db, base)
      const space = randomUUID()
      orphans.note(space, 'lost')
      await assert.rejects(orphans.flush(), /away/)
      away = false
      await orphans.flush()
      const ctx = tenantCtx(base, suite.tenants.pooled)
      assert.deepEqual(await orphans.list(ctx, space, undefined, 1), [{ space, word: 'lost', visits: 1 }])
      await suite.anyone.get('/l/nowhere1')
      assert.match(await suite.metrics.text(), /^stoa_links_orphan_visits_total 1$/m)
    })
  })
}
