import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Instrument, openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { Feed } from '../src/feed.ts'
import { createEventRegistry, startPosition } from '../src/index.ts'
import { type Bench, noted, setup } from './setup.ts'

/** A feed on connections of its own, and how often it asked the database. */
async function feedOf(bench: Bench) {
  let queries = 0
  const instrument: Instrument = (sql, run) => {
    if (sql.includes('as settled')) queries++
    return run()
  }
  const db = await openPostgres({ url: bench.url ?? '' }, { log: silentLogger, clock: systemClock, instrument })
  return {
    feed: new Feed(db, bench.system, createEventRegistry([noted])),
    queries: () => queries,
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

describe('the feed that all readers of a process share (postgres)', () => {
  it('readers that walk in step cost one query together, and those that come later none', async () => {
    await using bench = await setup('postgres')
    await bench.append(1, 2, 3)
    await bench.readAll(3)
    await using shared = await feedOf(bench)
    const together = await Promise.all([1, 2, 3, 4, 5].map(() => shared.feed.page(startPosition, 500)))
    const later = await shared.feed.page(startPosition, 500)
    assert.equal(shared.queries(), 1)
    for (const page of [...together, later]) assert.deepEqual(page.events, together[0]?.events)
    assert.equal(together[0]?.more, false)
    assert.equal(later.more, true, 'an old page says nothing about now')
  })

  it('who joins a query that began before the newest hint is told to ask again', async () => {
    await using bench = await setup('postgres')
    await bench.append(1)
    await bench.readAll(1)
    await using shared = await feedOf(bench)
    const first = shared.feed.page(startPosition, 500)
    shared.feed.hinted()
    const joined = shared.feed.page(startPosition, 500)
    assert.deepEqual([(await first).more, (await joined).more], [false, true])
    assert.equal(shared.queries(), 1)
  })

  it('a reader with smaller batches gets the beginning of a page, and the place where it ends', async () => {
    await using bench = await setup('postgres')
    await bench.append(1, 2, 3)
    await bench.readAll(3)
    await using shared = await feedOf(bench)
    const whole = await shared.feed.page(startPosition, 500)
    const small = await shared.feed.page(startPosition, 2)
    assert.deepEqual(small, {
      events: whole.events.slice(0, 2),
      position: whole.events[1]?.position,
      more: true,
      waiting: false,
    })
  })

  it('that there is nothing is never remembered', async () => {
    await using bench = await setup('postgres')
    await using shared = await feedOf(bench)
    const empty = await shared.feed.page(startPosition, 500)
    assert.deepEqual(empty, { events: [], position: startPosition, more: false, waiting: false })
    await bench.append(1)
    await bench.readAll(1)
    assert.equal((await shared.feed.page(startPosition, 500)).events.length, 1)
  })
})
