import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TestClock } from '@stoa/testkit'
import { openStream } from './event-source.ts'
import { connect, eventually, setup } from './setup.ts'

const KIB = 1024
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)
const PADDING = 'x'.repeat(30 * KIB)

describe('many at once, and slow ones', () => {
  it('who does not read holds a bounded buffer, delays nobody, and has everything when it reads again', async () => {
    await using bench = await setup('pglite', { options: { maxBufferBytes: 128 * KIB } })
    using slow = await connect(bench.node)
    using quick = await connect(bench.node)
    await slow.follow('notes')
    await quick.follow('notes')
    slow.ws.pause()
    const { realtime } = bench.node
    let most = 0
    // What the operating system takes for a connection is not ours: it takes some megabytes before ours fills.
    for (let n = 0; realtime.status.hub.lagged === 0 || n < 300; n++) {
      await bench.writeFor('acme', n, { text: PADDING })
      await quick.count(n + 1)
      most = Math.max(most, realtime.status.bufferedBytes)
      assert.ok(n < 1_000)
    }
    assert.ok(most > 0 && most <= 2 * 128 * KIB, String(most))
    const total = quick.numbers().length
    slow.ws.resume()
    assert.deepEqual(await slow.count(total), upTo(total))
    await bench.write(total)
    assert.deepEqual(await slow.count(total + 1), upTo(total + 1))
    assert.equal(realtime.status.hub.resyncs, 0)
  })

  it('who reads so slowly that memory has given up what it needs next is told to read anew', async () => {
    await using bench = await setup('pglite', { options: { maxBufferBytes: 128 * KIB, historyEvents: 5 } })
    using slow = await connect(bench.node)
    using quick = await connect(bench.node)
    await slow.follow('notes')
    await quick.follow('notes')
    slow.ws.pause()
    const { realtime } = bench.node
    for (let n = 0, after = 0; after < 10; n++) {
      await bench.writeFor('acme', n, { text: PADDING })
      await quick.count(n + 1)
      if (realtime.status.hub.lagged > 0) after += 1
      assert.ok(n < 1_000)
    }
    slow.ws.resume()
    const resync = await slow.until(({ type }) => type === 'resync')
    assert.equal(resync.reason, 'too_slow')
    await bench.write(5_000)
    await slow.holds(() => slow.numbers().includes(5_000))
    const numbers = slow.numbers().slice(0, -1)
    assert.deepEqual(numbers, upTo(numbers.length))
  })

  it('a stream that is not read is bounded in the same way', async () => {
    await using bench = await setup('pglite', { options: { maxBufferBytes: 128 * KIB } })
    const total = 300
    await using stream = await openStream(bench.node, 'channels=notes')
    using quick = await connect(bench.node)
    await quick.follow('notes')
    for (let n = 0; n < total; n++) await bench.writeFor('acme', n, { text: PADDING })
    await quick.count(total)
    assert.ok(bench.node.realtime.status.bufferedBytes <= 3 * 128 * KIB)
    assert.deepEqual(await stream.count(total), upTo(total))
  })

  it('a storm is let in by the bucket; the others are told when to come back, each at another moment', async () => {
    const clock = new TestClock(Date.now())
    const options = { admitBurst: 5, admitPerSecond: 1, spreadMs: 10_000 }
    await using bench = await setup('pglite', { clock, options })
    const sockets = await Promise.all(upTo(20).map(() => connect(bench.node)))
    const isIn = sockets.filter(({ messages }) => messages[0].type === 'welcome')
    assert.equal(isIn.length, 5)
    const waits: number[] = []
    for (const socket of sockets.filter((one) => !isIn.includes(one))) {
      const { code, reason } = await socket.closed
      assert.deepEqual([code, reason.code], [1013, 'overloaded'])
      waits.push(reason.retryMs)
    }
    assert.ok(waits.every((ms) => ms >= 1_000 && ms <= 11_000) && new Set(waits).size > 5, waits.join())
    const refused = await openStream(bench.node, 'channels=notes').catch((error) => error)
    assert.deepEqual([refused.status, refused.body.code], [503, 'overloaded'])
    assert.ok(Number(refused.headers.get('retry-after')) >= 1)
    assert.equal(bench.node.realtime.status.guests.refused, 16)
    await clock.advance(2_000)
    ;(await connect(bench.node)).ws.terminate()
  })

  it('a tenant has as many connections as it may, and the next one has its own', async () => {
    await using bench = await setup('pglite', { options: { maxConnectionsPerTenant: 2 } })
    using one = await connect(bench.node)
    await using stream = await openStream(bench.node, 'channels=notes')
    using third = await connect(bench.node)
    const { code, reason } = await third.closed
    assert.deepEqual([code, reason.code], [4429, 'too_many_connections'])
    const refused = await openStream(bench.node, 'channels=notes').catch((error) => error)
    assert.deepEqual([refused.status, refused.body.code], [429, 'too_many_connections'])
    using late = await connect(bench.node, null)
    late.send({ type: 'auth', token: 'acme|ada|*' })
    assert.equal((await late.closed).code, 4429)
    using rival = await connect(bench.node, 'rival|bob|*')
    await rival.follow('notes')
    one.ws.terminate()
    await eventually(() => bench.node.realtime.status.connections.open === 2)
    using again = await connect(bench.node)
    await again.follow('notes')
    stream.cut()
  })

  it('a drain sends everybody away, each to come back at another moment, and then is over', async () => {
    await using bench = await setup('pglite', { options: { spreadMs: 10_000 } })
    const sockets = await Promise.all(upTo(10).map(() => connect(bench.node)))
    await using stream = await openStream(bench.node, 'channels=notes')
    const drained = bench.node.http.drain()
    const waits = new Set<number>()
    for (const socket of sockets) {
      const { code, reason } = await socket.closed
      assert.deepEqual([code, reason.code], [1012, 'draining'])
      waits.add(reason.retryMs)
    }
    assert.ok(waits.size > 5)
    assert.deepEqual((await stream.closed).at(-1)?.data, { type: 'close', code: 'draining' })
    await drained
    await eventually(() => bench.node.realtime.status.connections.open === 0)
  })
})
