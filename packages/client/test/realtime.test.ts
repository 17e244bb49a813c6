import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { eventually } from '@stoa/testkit'
import { createRealtimeClient } from '../src/index.ts'
import { followed, said, setup } from './setup.ts'

const ADA = 'ada|realtime:connect,notes:read'
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

for (const transport of ['websocket', 'events'] as const) {
  describe(`the client by ${transport}`, () => {
    it('gives each event of its channels, once and in order', async () => {
      await using server = await setup()
      using ada = followed({ url: server.url, token: ADA, transport })
      await ada.following('notes')
      using one = followed({ url: `${server.url}/`, token: () => ADA, transport })
      await one.following('note:2')
      await server.write(0, 1, 2, 3)
      await ada.holds(() => ada.numbers.length >= 4)
      await one.holds(() => one.numbers.length >= 1)
      assert.deepEqual([ada.numbers, one.numbers], [upTo(4), [2]])
      assert.equal(ada.client.state, 'open')
    })

    it('comes back after a stop of the server, from where it stood', async () => {
      await using server = await setup()
      using ada = followed({ url: server.url, token: ADA, transport })
      await ada.following()
      await server.write(0, 1)
      await ada.holds(() => ada.numbers.length >= 2)
      await server.stop()
      await server.write(2, 3)
      await eventually(() => ada.client.state !== 'open')
      await server.startAgain()
      await server.write(4)
      await ada.holds(() => ada.numbers.length >= 5)
      assert.deepEqual([ada.numbers, ada.resyncs], [upTo(5), []])
    })

    it('a channel that is added while others are followed begins now, and one that is closed gives no more', async () => {
      await using server = await setup()
      using ada = followed({ url: server.url, token: ADA, transport })
      const notes = await ada.following('notes')
      await server.write(1)
      await ada.holds(() => ada.numbers.length >= 1)
      await ada.following('note:7')
      assert.throws(() => ada.follow('notes'), TypeError)
      await server.write(7)
      await ada.holds(() => ada.numbers.length >= 3)
      assert.deepEqual(ada.numbers, [1, 7, 7])
      notes.close()
      await server.write(8, 7)
      await ada.holds(() => ada.numbers.filter((n) => n === 7).length >= 3)
      assert.equal(ada.numbers.filter((n) => n === 8).length <= 1, true)
    })

    it('goes on from a position that was kept, and is told when it is too old or none', async () => {
      await using server = await setup({ historyEvents: 3 })
      using ada = followed({ url: server.url, token: ADA, transport })
      const first = await ada.following()
      const old = first.position as string
      await server.write(0, 1)
      await ada.holds(() => ada.numbers.length >= 2)
      const kept = first.position as string
      await server.write(2, 3, 4)
      await ada.holds(() => ada.numbers.length >= 5)
      using again = followed({ url: server.url, token: ADA, transport })
      again.follow('notes', kept)
      await again.holds(() => again.numbers.length >= 3)
      assert.deepEqual([again.numbers, again.resyncs], [[2, 3, 4], []])
      for (const [position, reason] of [
        [old, 'too_old'],
        ['made up', 'unknown'],
      ] as const) {
        using late = followed({ url: server.url, token: ADA, transport })
        late.follow('notes', position)
        await late.holds(() => late.resyncs.length >= 1)
        assert.deepEqual(late.resyncs, [reason])
      }
    })

    it('a channel that is refused is told to its own handler, and the others go on', async () => {
      await using server = await setup()
      using ada = followed({ url: server.url, token: ADA, transport })
      using eve = followed({ url: server.url, token: ADA, transport })
      await ada.following('notes')
      eve.client.subscribe('secrets', { onEvent: () => undefined, onError: (error) => eve.problems.push(error) })
      eve.client.subscribe('nothing', { onEvent: () => undefined, onError: (error) => eve.problems.push(error) })
      eve.follow('notes')
      await eventually(() => eve.problems.length === 2)
      assert.deepEqual(eve.problems.map(({ code }) => code).sort(), ['channel_unknown', 'forbidden'])
      await eventually(async () => {
        await server.write(1)
        return eve.numbers.length > 0
      })
    })

    it('credentials that do not hold end it, and are not tried again; a token that is made anew is', async () => {
      await using server = await setup()
      server.scheme.revoked.add('ada')
      using ada = followed({ url: server.url, token: ADA, transport })
      ada.follow()
      await ada.holds(() => ada.problems.length >= 1)
      assert.deepEqual([ada.problems[0]?.code, ada.client.state], ['unauthenticated', 'closed'])
      assert.throws(() => ada.follow('note:1'))
      let asked = 0
      const token = () => (asked++ === 0 ? ADA : ADA.replace('ada', 'bob'))
      using bob = followed({ url: server.url, token, transport })
      await bob.following()
      assert.equal(asked, 2)
    })
  })
}

describe('the client', () => {
  it('where WebSockets do not get through, it takes server-sent events', async () => {
    await using server = await setup()
    const socket = globalThis.WebSocket
    globalThis.WebSocket = class extends socket {
      constructor(url: string | URL) {
        super(String(url).replace('/api/v1/realtime', '/nothing'))
      }
    }
    try {
      using ada = followed({ url: server.url, token: ADA })
      await ada.following()
      await server.write(1)
      await ada.holds(() => ada.numbers.length >= 1)
    } finally {
      globalThis.WebSocket = socket
    }
  })

  it('an answer that never begins is given up, and asked for again', async (t) => {
    let asked = 0
    const mute = createServer(() => void asked++).listen(0)
    await once(mute, 'listening')
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const states: string[] = []
    const { port } = mute.address() as AddressInfo
    const onState = (state: string) => void states.push(state)
    // By no timer: those stand still.
    const soon = async (is: () => boolean) => {
      for (const end = performance.now() + 20_000; !is(); await turn()) assert.ok(performance.now() < end, 'too late')
    }
    const client = createRealtimeClient({ url: `http://127.0.0.1:${port}`, token: ADA, transport: 'events', onState })
    try {
      client.subscribe('notes', { onEvent: () => undefined })
      await soon(() => asked === 1)
      t.mock.timers.tick(40_000)
      await soon(() => states.at(-1) === 'waiting')
      t.mock.timers.tick(30_000)
      await soon(() => asked === 2)
    } finally {
      client.close()
      mute.closeAllConnections()
      mute.close()
    }
  })

  it('tells who is in a channel, and sends into it', async () => {
    await using server = await setup()
    const inRoom = (token: string) => {
      let members: readonly string[] = []
      const client = createRealtimeClient({ url: server.url, token, minRetryMs: 5 })
      const room = client.subscribe('room:1', {
        onEvent: () => undefined,
        onMembers: (now) => {
          members = [...now].sort()
        },
      })
      return { client, room, members: () => members.join() }
    }
    const ada = inRoom(ADA)
    await eventually(() => ada.members() === 'person:ada')
    const bob = inRoom(ADA.replace('ada', 'bob'))
    await eventually(() => ada.members() === 'person:ada,person:bob' && bob.members() === ada.members())
    await bob.room.send({ text: 'hello' })
    assert.deepEqual(said, ['hello'])
    await assert.rejects(bob.room.send({ text: 5 }), { code: 'validation_failed' })
    bob.client.close()
    await eventually(() => ada.members() === 'person:ada')
    await server.stop()
    await eventually(() => ada.client.state !== 'open')
    await assert.rejects(ada.room.send({ text: 'hello' }), { code: 'disconnected' })
    ada.client.close()
    await server.startAgain()
  })

  it('what a handler throws is no reason for it to stop', async (t) => {
    await using server = await setup()
    const client = createRealtimeClient({ url: server.url, token: ADA })
    const thrown: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
    t.after(() => {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    })
    let seen = 0
    const subscription = client.subscribe('notes', {
      onEvent: () => {
        seen += 1
        throw new Error('a mistake')
      },
    })
    await eventually(() => subscription.position !== undefined)
    await server.write(1, 2)
    await eventually(() => seen === 2)
    await eventually(() => thrown.length === 2)
    client.close()
  })
})
