import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engines, TestClock } from '@stoa/testkit'
import { openStream } from './event-source.ts'
import { eventually, setup } from './setup.ts'

for (const engine of engines) {
  describe(`channels over server-sent events (${engine})`, () => {
    it('one stream carries many channels, in the order of the journal, each event with its id', async () => {
      await using bench = await setup(engine)
      await using stream = await openStream(bench.node, 'channels=notes,note:2,note:9')
      assert.equal(stream.response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
      assert.equal(stream.response.headers.get('x-accel-buffering'), 'no')
      assert.match(stream.response.headers.get('cache-control') ?? '', /no-store/)
      await bench.write(1, 2, 3)
      await stream.count(3)
      await stream.count(1, 'note:2')
      assert.match(stream.text, /^retry: \d+$/m)
      const [open, ...events] = stream.messages
      assert.deepEqual([open?.data.type, open?.data.channels], ['open', ['notes', 'note:2', 'note:9']])
      assert.deepEqual(
        events.map(({ data }) => [data.channel, data.event.data.n]),
        [
          ['notes', 1],
          ['notes', 2],
          ['note:2', 2],
          ['notes', 3],
        ],
      )
      // Of an event in two channels the last message alone has the id.
      assert.deepEqual(
        events.map(({ id, data }) => (id === null ? null : id === data.event.position)),
        [true, null, true, true],
      )
    })

    it('a client that was cut off goes on from its Last-Event-ID, on any node, without gap or repeat', async () => {
      await using bench = await setup(engine)
      const second = await bench.another()
      const seen: number[] = []
      let stream = await openStream(bench.node, 'channels=notes')
      const writing = (async () => {
        for (let n = 0; n < 40; n++) await bench.write(n)
      })()
      for (let turn = 1; ; turn++) {
        const wanted = Math.min(40, seen.length + 7)
        await stream.holds(() => seen.length + stream.numbers().length >= wanted)
        stream.cut()
        await stream.closed.catch(() => undefined)
        seen.push(...stream.numbers())
        if (seen.length >= 40) break
        const node = turn % 2 === 0 ? bench.node : second
        stream = await openStream(node, 'channels=notes', undefined, { 'last-event-id': stream.lastId })
      }
      await writing
      assert.deepEqual(
        seen,
        Array.from({ length: 40 }, (_, n) => n),
      )
    })

    it('a forged or future Last-Event-ID is a resync in an answer of 200', async () => {
      await using bench = await setup(engine)
      for (const id of ['nonsense', '18446744073709551615.7', '"; drop table', 'x'.repeat(5_000)]) {
        await using stream = await openStream(bench.node, 'channels=notes', undefined, { 'last-event-id': id })
        await stream.holds(() => stream.messages.length >= 2)
        const [, resync] = stream.messages
        assert.deepEqual(
          [resync?.data.type, resync?.data.reason, resync?.id],
          ['resync', 'unknown', resync?.data.position],
        )
        await bench.write(1)
        await stream.count(1)
      }
    })

    it('without following, it gives what has happened since, and ends', async () => {
      await using bench = await setup(engine)
      await using open = await openStream(bench.node, 'channels=notes')
      await bench.write(1, 2)
      await open.count(2)
      const from = encodeURIComponent(open.messages[0]?.id as string)
      await using stream = await openStream(bench.node, `channels=notes&follow=false&position=${from}`)
      await stream.closed
      assert.deepEqual(stream.numbers(), [1, 2])
    })
  })
}

describe('streams', () => {
  it('a comment with the position comes every 15 seconds', async () => {
    const clock = new TestClock(Date.now())
    await using bench = await setup('pglite', { clock })
    await using stream = await openStream(bench.node, 'channels=note:5')
    await bench.write(1)
    await eventually(() => bench.node.realtime.status.historyEvents === 1)
    for (let n = 0; n < 15; n++) await clock.advance(1_000)
    await stream.holds(() => /^:\nid: /m.test(stream.text))
    assert.notEqual(stream.lastId, stream.messages[0]?.id)
  })

  it('what is refused is a problem and no stream', async () => {
    await using bench = await setup('pglite')
    const refused = async (query: string, token?: string) => {
      try {
        await openStream(bench.node, query, token)
      } catch (error) {
        const { status, body } = error as { status: number; body: { code: string } }
        return [status, body.code]
      }
      return null
    }
    assert.deepEqual(await refused('channels=nothing'), [404, 'channel_unknown'])
    assert.deepEqual(await refused('channels='), [422, 'validation_failed'])
    assert.deepEqual(await refused('channels=secrets', 'acme|eve|realtime:connect'), [403, 'forbidden'])
    assert.deepEqual(await refused('channels=notes', 'acme|eve|notes:read'), [403, 'forbidden'])
    assert.deepEqual(await refused('channels=notes', 'nobody|eve|*'), [401, 'unauthenticated'])
    assert.equal(bench.node.realtime.status.connections.open, 0)
  })
})
