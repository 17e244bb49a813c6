// A test's set-up in a few lines: a database of its own, tenants in both placements, time that stands still.
import assert from 'node:assert/strict'
import { statement } from '@stoa/db'
import { createTestTenants, openTestDatabase, TestClock, TestSignal, testCtx } from '@stoa/testkit'

await using database = await openTestDatabase('pglite', { name: 'story' })
const { pooled, placed } = await createTestTenants(database)
assert.equal(placed.schema, 'stoa_t_placed')

const ownRow = statement<[], { slug: string }>('select slug from tenants')
const rows = await database.db.read(testCtx({ tenant: pooled }), (tx) => tx.many(ownRow()))
assert.deepEqual(rows, [{ slug: 'pooled' }])

const clock = new TestClock()
const ticked = new TestSignal<number>()
const stop = new AbortController()
const ticking = (async () => {
  for (;;) {
    await clock.sleep(60_000, stop.signal)
    ticked.fire(clock.now())
  }
})()
ticked.arm()
const begun = clock.now()
await clock.advance(60_000)
assert.equal(await ticked.reached(), begun + 60_000)
stop.abort(new Error('enough'))
await assert.rejects(ticking, /enough/)
console.log('ok')
