import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engines } from '@stoa/testkit'
import { connect, eventually, setup } from './setup.ts'

for (const engine of engines) {
  describe(`channels over WebSocket (${engine})`, () => {
    it('an event comes with its position, in every channel where it appears, to its own tenant alone', async () => {
      await using bench = await setup(engine)
      using ada = await connect(bench.node)
      using rival = await connect(bench.node, 'rival|bob|*')
      const { position } = await ada.follow('notes')
      await ada.follow('note:7')
      await rival.follow('notes')
      await bench.writeFor('acme', 7, { text: 'seven' })
      await bench.writeFor('rival', 8)
      await ada.count(1)
      await ada.count(1, 'note:7')
      await rival.count(1)
      const [event] = ada.events('notes')
      assert.deepEqual(
        { type: event.type, version: event.version, subjects: event.subjects, data: event.data },
        { type: 'note.written', version: 1, subjects: ['note:7'], data: { n: 7, text: 'seven' } },
      )
      assert.match(event.position, /^\d+\.\d+$/)
      assert.notEqual(event.position, position)
      assert.deepEqual(ada.events('note:7')[0].data, { n: 7 })
      assert.deepEqual([ada.numbers(), rival.numbers()], [[7], [8]])
    })

    it('who comes back with a position gets what it missed, and then what happens, once and in order', async () => {
      await using bench = await setup(engine)
      const first = await connect(bench.node)
      const { position } = await first.follow('notes')
      await bench.write(1, 2)
      await first.count(2)
      first.ws.terminate()
      await bench.write(3, 4)
      await bench.writeOther(2)
      using again = await connect(bench.node)
      const answer = await again.follow('notes', first.events('notes')[1].position)
      assert.equal(answer.resumed, true)
      await bench.write(5)
      assert.deepEqual(await again.count(3), [3, 4, 5])
      using from = await connect(bench.node)
      await from.follow('notes', position)
      assert.deepEqual(await from.count(5), [1, 2, 3, 4, 5])
    })

    it('a node that has just started reads what was missed from the journal', async () => {
      await using bench = await setup(engine)
      using first = await connect(bench.node)
      await first.follow('notes')
      await bench.write(...Array.from({ length: 30 }, (_, n) => n))
      await first.count(30)
      const stood = first.events('notes')[4].position
      const node = await bench.another()
      using again = await connect(node)
      const answer = await again.follow('notes', stood)
      assert.equal(answer.resumed, true)
      await bench.write(30)
      assert.deepEqual(
        await again.count(26),
        Array.from({ length: 26 }, (_, n) => n + 5),
      )
      assert.equal(again.messages.filter(({ type }) => type === 'resync').length, 0)
    })

    it('every client dropped while events are written: nothing is lost and nothing repeated', async () => {
      await using bench = await setup(engine)
      const second = await bench.another()
      const clients = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const seen: number[] = []
          const client = { seen, position: undefined as string | undefined, socket: await connect(bench.node), index }
          client.position = (await client.socket.follow('notes')).position
          return client
        }),
      )
      const total = 60
      const writing = (async () => {
        for (let n = 0; n < total; n++) await bench.write(n)
      })()
      const harvest = ({ seen, socket }: (typeof clients)[number]) => {
        for (const { data, position } of socket.events('notes')) {
          seen.push(data.n)
          const client = clients.find((one) => one.seen === seen)
          if (client) client.position = position
        }
      }
      for (const client of clients) {
        await client.socket.count(1)
        client.socket.ws.terminate()
        await client.socket.closed
        harvest(client)
        // Half of them come back to another node, which may be behind or ahead of the first one.
        client.socket = await connect(client.index % 2 === 0 ? bench.node : second)
        assert.equal((await client.socket.follow('notes', client.position)).resumed, true)
      }
      await writing
      for (const client of clients) {
        await client.socket.holds(() => client.seen.length + client.socket.numbers().length >= total)
        harvest(client)
        client.socket.ws.terminate()
        assert.deepEqual(
          client.seen,
          Array.from({ length: total }, (_, n) => n),
        )
      }
    })

    it('a position that is made up, ahead of everything, or no position, means a resync and no error', async () => {
      await using bench = await setup(engine)
      await bench.write(1)
      await eventually(() => bench.node.realtime.status.historyEvents === 1)
      using ada = await connect(bench.node)
      for (const position of ['18446744073709551615.1', '99999999999999.5', 'nonsense', '-1', '1.2.3', 5 as never]) {
        const before = ada.messages.length
        const answer = await ada.follow('notes', position)
        assert.equal(answer.resumed, false)
        await ada.holds(() => ada.messages.slice(before).some(({ type }) => type === 'resync'))
        const resync = ada.messages.slice(before).find(({ type }) => type === 'resync')
        assert.deepEqual([resync.channel, resync.reason, resync.position], ['notes', 'unknown', answer.position])
        await ada.ask({ type: 'unsubscribe', channel: 'notes' })
      }
      await ada.follow('notes', '5000000000.1')
      await bench.write(2)
      assert.deepEqual(await ada.count(1), [2])
    })

    it('a position further back than a resume may go means a resync, and what comes after it is whole', async () => {
      await using bench = await setup(engine)
      using first = await connect(bench.node)
      await first.follow('notes')
      await bench.write(...Array.from({ length: 12 }, (_, n) => n))
      await first.count(12)
      const positions = first.events('notes').map(({ position }) => position)
      const node = await bench.another({ resumeEvents: 5 })
      using again = await connect(node)
      assert.equal((await again.follow('notes', positions[1])).resumed, false)
      const resync = await again.until(({ type }) => type === 'resync')
      assert.equal(resync.reason, 'too_old')
      using near = await connect(node)
      assert.equal((await near.follow('notes', positions[9])).resumed, true)
      assert.deepEqual(await near.count(2), [10, 11])
      await bench.write(12)
      assert.deepEqual(await again.count(1), [12])
      assert.deepEqual(await near.count(3), [10, 11, 12])
    })

    it('what memory has given up is too old, also when it was read back once', async () => {
      await using bench = await setup(engine, { options: { historyEvents: 3 } })
      using first = await connect(bench.node)
      const { position } = await first.follow('notes')
      await bench.write(1, 2, 3, 4, 5, 6)
      await first.count(6)
      using again = await connect(bench.node)
      assert.equal((await again.follow('notes', position)).resumed, false)
      using near = await connect(bench.node)
      assert.equal((await near.follow('notes', first.events('notes')[2].position)).resumed, true)
      assert.deepEqual(await near.count(3), [4, 5, 6])
    })

    it('an event that was written by another node comes', async () => {
      await using bench = await setup(engine)
      const node = await bench.another()
      using far = await connect(node)
      await far.follow('notes')
      await bench.write(1, 2)
      assert.deepEqual(await far.count(2), [1, 2])
    })

    it('a burst is one frame for a channel and tick', async () => {
      await using bench = await setup(engine)
      using ada = await connect(bench.node)
      await ada.follow('notes')
      await Promise.all(Array.from({ length: 40 }, (_, n) => bench.write(n)))
      await ada.count(40)
      const frames = ada.messages.filter(({ type }) => type === 'events').length
      assert.ok(frames < 40, `${frames} frames`)
      assert.equal(bench.node.realtime.status.hub.deliveries, 40)
    })

    it('who unsubscribes hears no more', async () => {
      await using bench = await setup(engine)
      using ada = await connect(bench.node)
      using other = await connect(bench.node)
      await ada.follow('notes')
      await other.follow('notes')
      assert.equal((await ada.ask({ type: 'unsubscribe', channel: 'notes' })).type, 'unsubscribed')
      await bench.write(1)
      await other.count(1)
      assert.equal((await ada.ask({ type: 'ping' })).type, 'pong')
      assert.deepEqual(ada.numbers(), [])
      other.ws.terminate()
      ada.ws.terminate()
      await eventually(() => bench.node.realtime.status.connections.open === 0)
      assert.equal(bench.node.realtime.status.subscriptions, 0)
    })
  })
}
