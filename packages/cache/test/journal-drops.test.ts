import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { processHints } from '@stoa/journal'
import { engines, eventually } from '@stoa/testkit'
import { subjectTags } from '../src/index.ts'
import { changed, world } from './journal-setup.ts'

for (const engine of engines) {
  describe(`drops that come from the journal (${engine})`, () => {
    it('a commit has dropped its subjects before its caller goes on, with or without Redis', async () => {
      await using bench = await world(engine)
      for (const shared of [true, false]) {
        const node = await bench.start({ shared })
        for (let n = 1; n <= 30; n++) {
          await node.set(n)
          assert.equal(await node.get(), n)
        }
      }
    })

    it('a rollback drops nothing', async () => {
      await using bench = await world(engine)
      const node = await bench.start()
      await node.set(1)
      await node.get()
      const { loads } = node
      const failing = node.db.transaction(bench.ctx, async (tx) => {
        node.journal.append(bench.ctx, tx, changed.of({}, ['thing:1']))
        await tx.many({ sql: 'select 1', parameters: [] })
        throw new Error('never mind')
      })
      await assert.rejects(failing, /never mind/)
      assert.equal(await node.get(), 1)
      assert.equal(node.loads, loads)
    })

    it('another process is told by a hint', async () => {
      await using bench = await world(engine)
      const hints = processHints()
      const [a, b] = [await bench.start({ hints }), await bench.start({ hints, pollMs: 60_000 })]
      await a.set(1)
      await eventually(async () => (await b.get()) === 1)
      await a.set(2)
      await eventually(async () => (await b.get()) === 2)
    })

    it('when the hint is lost, by the next look', async () => {
      await using bench = await world(engine)
      const [a, b] = [await bench.start(), await bench.start({ pollMs: 20 })]
      await a.set(1)
      await eventually(async () => (await b.get()) === 1)
      await a.set(2)
      await eventually(async () => (await b.get()) === 2)
    })

    it('a process that has caught up gives nothing that is older, without a hint and before it would look', async () => {
      await using bench = await world(engine)
      for (const options of [{}, { memoryBytes: 0 }, { shared: false }]) {
        const [a, b] = [await bench.start(), await bench.start({ ...options, pollMs: 60_000 })]
        const before = await b.load()
        for (let n = before + 1; n <= before + 10; n++) {
          await b.get()
          await a.set(n)
          await b.drops.caughtUp()
          assert.equal(await b.get(), n)
        }
      }
    })

    it('many readers and writers in three processes, a Redis that fails now and then: nobody is given what is older than what its process knew', async () => {
      await using bench = await world(engine)
      const nodes = [await bench.start(), await bench.start({ memoryBytes: 0 }), await bench.start({ shared: false })]
      for (const { process } of nodes) {
        process.wire.before = () => {
          if (Math.random() < 0.05) throw new Error('lost')
        }
      }
      const ids = ['1', '2']
      const committed = new Map<string, number>()
      const actor = async (turns: number, node: (typeof nodes)[0], known: Map<string, number>) => {
        for (let turn = 0; turn < turns; turn++) {
          const id = ids[Math.floor(Math.random() * 2)] as string
          const dice = Math.random()
          if (dice < 0.2) {
            const value = await node.bump(id)
            raise(committed, id, value)
            raise(known, id, value)
          } else if (dice < 0.25) {
            const before = new Map(committed)
            await node.drops.caughtUp()
            for (const [name, value] of before) raise(known, name, value)
          } else {
            const floor = known.get(id) ?? 0
            const value = await node.get(id)
            assert.ok(value >= floor, `${value} was given, and ${floor} was known`)
          }
        }
      }
      await Promise.all(
        nodes.flatMap((node) => {
          const known = new Map<string, number>()
          return [1, 2, 3].map(() => actor(80, node, known))
        }),
      )
    })

    it('a process that does not look into the journal is told by Redis, where whoever commits drops too', async () => {
      await using bench = await world(engine)
      const [a, b] = [await bench.start(), await bench.start({ memoryBytes: 0, pollMs: 60_000 })]
      await b.drops.trusting
      for (let n = 1; n <= 20; n++) {
        await a.set(n)
        await eventually(async () => (await b.get()) === n)
      }
    })

    it('a list is cached under the kind of its things', async () => {
      await using bench = await world(engine)
      const node = await bench.start()
      const list = () => node.cache.wrap(bench.ctx, 'list', { tags: ['thing'], ttlMs: 60_000 }, () => node.load('2'))
      assert.equal(await list(), 0)
      await node.set(7, '2')
      assert.equal(await list(), 7)
    })

    it('a commit of this process is dropped once: its own look does not drop it again', async () => {
      await using bench = await world(engine)
      const node = await bench.start({ pollMs: 10 })
      await node.set(1)
      await node.get()
      const { loads } = node
      const looked = Promise.withResolvers<void>()
      await using watch = node.journal.watch({ name: 'other', pollMs: 10 }, (events) => {
        if (events.some((event) => event.subjects.includes('thing:9'))) looked.resolve()
      })
      await watch.ready
      await node.set(1, '9')
      await looked.promise
      await node.set(1, '10')
      await node.get('10')
      await node.get()
      assert.equal(node.loads, loads + 1)
    })

    it('what was written through outlives the look that shows its commit', async () => {
      await using bench = await world(engine)
      const node = await bench.start({ pollMs: 10 })
      const options = { tags: ['thing:1'], ttlMs: 3_600_000 }
      await node.cache.through(bench.ctx, 'thing 1', options, async () => {
        await node.set(5)
        return 5
      })
      await node.set(1, '9')
      const shown = Promise.withResolvers<void>()
      await using watch = node.journal.watch({ name: 'other', pollMs: 10 }, (_events, snapshot) => {
        if (snapshot) shown.resolve()
      })
      await watch.ready
      await shown.promise
      assert.equal(await node.get(), 5)
      assert.equal(node.loads, 0)
    })

    it('a commit of many events drops all of their subjects', async () => {
      await using bench = await world(engine)
      const node = await bench.start()
      const ids = Array.from({ length: 700 }, (_, i) => String(i))
      await Promise.all(ids.slice(0, 20).map((id) => node.get(id)))
      await node.get('699')
      const { loads } = node
      await node.db.transaction(bench.ctx, async (tx) => {
        for (const id of ids) node.journal.append(bench.ctx, tx, changed.of({}, [`thing:${id}`]))
      })
      await node.get('0')
      await node.get('699')
      assert.equal(node.loads, loads + 2)
    })

    it('when the tags of an event cannot be told, everything of the tenant is dropped', async () => {
      await using bench = await world(engine)
      const node = await bench.start({
        tagsOf: () => {
          throw new Error('a mistake')
        },
      })
      await node.get()
      await node.set(3, '2')
      await node.set(4)
      assert.equal(await node.get(), 4)
    })

    it('inside a transaction the cache is passed by', async () => {
      await using bench = await world(engine)
      const node = await bench.start()
      await node.get()
      await assert.rejects(
        node.db.transaction(bench.ctx, async () => {
          await node.set(9)
          assert.equal(await node.get(), 9)
          throw new Error('never mind')
        }),
        /never mind/,
      )
      assert.equal(await node.get(), 0)
    })

    it('a process that crashed between its commit and its drop leaves nothing stale behind, for those who run and those who start', async () => {
      await using bench = await world(engine)
      const [a, b, c] = [await bench.start(), await bench.start(), await bench.start({ memoryBytes: 0 })]
      await Promise.all([a, b, c].map((node) => node.drops.trusting))
      await a.set(1)
      await eventually(async () => (await b.get()) === 1 && (await c.get()) === 1)
      await b.cache.settled()
      // It commits, and is gone: nothing of it reaches Redis any more.
      a.process.wire.before = () => {
        throw new Error('crashed')
      }
      await a.set(2)
      await eventually(async () => (await c.get()) === 2)
      const late = await bench.start({ memoryBytes: 0 })
      assert.equal(await late.get(), 2)
      await late.drops.trusting
      assert.equal(await late.get(), 2)
      await eventually(async () => (await b.get()) === 2)
    })

    it('a drop that Redis confirmed and forgot (a failover) is not forgotten by who knows of it, or has started since', async () => {
      await using bench = await world(engine)
      const [a, b] = [await bench.start({ memoryBytes: 0 }), await bench.start({ memoryBytes: 0 })]
      await Promise.all([a.drops.trusting, b.drops.trusting])
      await a.set(1)
      await eventually(async () => (await b.get()) === 1 && b.cache.outcomes.hit > 0)
      await bench.installation.settled()
      const { prefix, redis } = bench.installation
      const keys = await redis.keys(`${prefix}*`)
      const before = await Promise.all(keys.map((key) => redis.dumpBuffer(key)))
      await a.set(2)
      await eventually(async () => (await b.get()) === 2)
      await bench.installation.settled()
      for (const [n, key] of keys.entries()) await redis.restore(key, 60_000, before[n] as Buffer, 'REPLACE')
      // One may not have looked since; the other made the commit.
      await eventually(async () => (await b.get()) === 2)
      for (const [n, key] of keys.entries()) await redis.restore(key, 60_000, before[n] as Buffer, 'REPLACE')
      assert.equal(await a.get(), 2)
      const late = await bench.start({ memoryBytes: 0 })
      await late.drops.trusting
      await bench.installation.settled()
      for (const [n, key] of keys.entries()) await redis.restore(key, 60_000, before[n] as Buffer, 'REPLACE')
      assert.equal(await late.get(), 2)
    })
  })
}

function raise(versions: Map<string, number>, id: string, value: number): void {
  versions.set(id, Math.max(value, versions.get(id) ?? 0))
}

describe('an open transaction that has written', () => {
  it('delays nobody', async () => {
    await using bench = await world('postgres')
    const [a, b] = [await bench.start(), await bench.start({ pollMs: 20 })]
    const [open, close] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const holding = a.db.transaction(bench.ctx, async (tx) => {
      a.journal.append(bench.ctx, tx, changed.of({}, ['thing:77']))
      await tx.many({ sql: 'select 1', parameters: [] })
      open.resolve()
      await close.promise
    })
    await open.promise
    for (let n = 1; n <= 5; n++) {
      await a.set(n)
      assert.equal(await a.get(), n)
      await eventually(async () => (await b.get()) === n)
    }
    close.resolve()
    await holding
  })
})

describe('the tags of an event', () => {
  it('are its subjects and their kinds', () => {
    const event = { tenantId: 't', type: 'x.y', subjects: ['link:1', 'link:2', 'code:a:b', 'plain', ':odd'] }
    assert.deepEqual(subjectTags(event), ['link:1', 'link:2', 'code:a:b', 'plain', ':odd', 'link', 'code'])
  })
})
