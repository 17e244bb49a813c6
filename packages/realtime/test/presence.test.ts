import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Database } from '@stoa/db'
import { type HintTransport, notifyTransport } from '@stoa/journal'
import { redisTransport } from '@stoa/journal/redis'
import { silentLogger } from '@stoa/kernel'
import { engines, TestClock, testRedisUrl } from '@stoa/testkit'
import { connect, eventually, setup, type TestSocket } from './setup.ts'

const token = (actor: string) => `acme|${actor}|*`
const members = async (socket: TestSocket) => {
  const { members: names } = await socket.ask({ type: 'members', channel: 'notes' })
  return [...names].sort()
}
const joins = (socket: TestSocket) => socket.messages.filter(({ type }) => type === 'presence')

for (const engine of engines) {
  describe(`presence in one process (${engine})`, () => {
    it('tells who is there, who comes, and who goes; somebody with two connections is there once', async () => {
      await using bench = await setup(engine)
      using ada = await connect(bench.node, token('ada'))
      await ada.ask({ type: 'subscribe', channel: 'notes', presence: true })
      const first = await ada.until(({ type }) => type === 'members')
      assert.deepEqual([first.members, first.count], [['person:ada'], 1])
      using bob = await connect(bench.node, token('bob'))
      using again = await connect(bench.node, token('bob'))
      await bob.follow('notes')
      await again.follow('notes')
      await ada.until(({ joined }) => joined?.includes('person:bob'))
      assert.deepEqual(await members(ada), ['person:ada', 'person:bob'])
      await again.ask({ type: 'unsubscribe', channel: 'notes' })
      assert.deepEqual(await members(ada), ['person:ada', 'person:bob'])
      bob.ws.terminate()
      await ada.until(({ left }) => left?.includes('person:bob'))
      assert.deepEqual(await members(ada), ['person:ada'])
      assert.equal(joins(ada).filter(({ joined }) => joined.includes('person:bob')).length, 1)
      assert.equal(joins(bob).length, 0)
    })

    it('is of one tenant, and only where a channel tells it', async () => {
      await using bench = await setup(engine)
      using ada = await connect(bench.node, token('ada'))
      using rival = await connect(bench.node, 'rival|bob|*')
      await ada.follow('notes')
      await rival.follow('notes')
      assert.deepEqual(await members(ada), ['person:ada'])
      await ada.ask({ type: 'subscribe', channel: 'note:1', presence: true })
      const { members: nobody } = await ada.ask({ type: 'members', channel: 'note:1' })
      assert.deepEqual(nobody, [])
      assert.equal((await ada.ask({ type: 'members', channel: 'secrets' })).code, 'channel_not_joined')
    })
  })
}

/** A transport that can be made to lose what it is given, and to fall silent as a killed process does. */
function fragile(transport: HintTransport): HintTransport & { loses: boolean } {
  const made = {
    loses: false,
    send: async (message: string) => (made.loses ? undefined : await transport.send(message)),
    receive: (onMessage: (message: string) => void, onGap: () => void) =>
      transport.receive((message) => made.loses || onMessage(message), onGap),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  }
  return made
}

const channel = () => `p${randomBytes(6).toString('hex')}`
const transports = {
  NOTIFY: () => {
    const name = channel()
    return (db: Database) => notifyTransport(db, name)
  },
  Redis: () => {
    const name = channel()
    return () => redisTransport({ url: testRedisUrl(), channel: name }, { log: silentLogger })
  },
}

for (const [name, make] of Object.entries(transports)) {
  describe(`presence over processes (${name})`, () => {
    async function twoNodes(clock?: TestClock) {
      const open = make()
      const lines: ReturnType<typeof fragile>[] = []
      const presence = (db: Database) => {
        const line = fragile(open(db))
        lines.push(line)
        return line
      }
      const bench = await setup('postgres', { presence, ...(clock && { clock }) })
      const other = await bench.another()
      return { bench, other, lines }
    }

    it('who is at one node is seen at the other, and one that starts later is told', async () => {
      const { bench, other } = await twoNodes()
      await using _bench = bench
      using ada = await connect(bench.node, token('ada'))
      using bob = await connect(other, token('bob'))
      await ada.follow('notes')
      await bob.follow('notes')
      const both = ['person:ada', 'person:bob']
      await eventually(
        () => members(ada),
        (names) => names.length === 2,
      )
      await eventually(
        () => members(bob),
        (names) => names.join() === both.join(),
      )
      const third = await bench.another()
      using eve = await connect(third, token('eve'))
      await eve.follow('notes')
      await eventually(
        () => members(eve),
        (names) => names.length === 3,
      )
      bob.ws.terminate()
      await eventually(
        () => members(ada),
        (names) => names.join() === 'person:ada,person:eve',
      )
    })

    it('what was lost on the way is made good by the next beats', async () => {
      const clock = new TestClock(Date.now())
      const { bench, other, lines } = await twoNodes(clock)
      await using _bench = bench
      using ada = await connect(bench.node, token('ada'))
      await ada.follow('notes')
      const line = lines[1] as { loses: boolean }
      line.loses = true
      using bob = await connect(other, token('bob'))
      await bob.follow('notes')
      await clock.advance(100)
      line.loses = false
      await eventually(
        async () => {
          await clock.advance(1_000)
          return [await members(ada), await members(bob)].map(({ length }) => length)
        },
        ([a, b]) => a === 2 && b === 2,
      )
    })

    it('a node that is killed is gone with everybody in it after three beats', async () => {
      const clock = new TestClock(Date.now())
      const { bench, other, lines } = await twoNodes(clock)
      await using _bench = bench
      using ada = await connect(bench.node, token('ada'))
      using bob = await connect(other, token('bob'))
      await ada.follow('notes')
      await bob.follow('notes')
      await eventually(
        async () => {
          await clock.advance(1_000)
          return await members(ada)
        },
        ({ length }) => length === 2,
      )
      const line = lines[1] as { loses: boolean }
      line.loses = true
      await eventually(
        async () => {
          await clock.advance(1_000)
          return await members(ada)
        },
        ({ length }) => length === 1,
      )
    })
  })
}
