import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLogger, systemClock } from '@stoa/kernel'
import { inTime, testRedisUrl } from '@stoa/testkit'
import { startRedis } from '@stoa/testkit/servers'
import { type Hints, type HintTransport, notifyTransport, processHints, relayedHints } from '../src/index.ts'
import { redisTransport } from '../src/redis-hints.ts'
import { Seen, setup } from './setup.ts'

const deps = { log: silentLogger, clock: systemClock }
/** Counts hints, and waits for them. */
function counter(hints: Hints, topic: string): { count(): number; reached(count: number): Promise<void> } {
  let count = 0
  let look: () => void = () => undefined
  hints.subscribe(topic, () => {
    count++
    look()
  })
  return {
    count: () => count,
    reached(wanted) {
      const reached = new Promise<void>((resolve) => {
        look = () => {
          if (count >= wanted) resolve()
        }
        look()
      })
      return inTime(reached, `hint ${wanted} of '${topic}'`)
    },
  }
}

/** Hints until somebody hears: the first ones may go before the other side has subscribed. */
async function hintUntil(from: Hints, topic: string, heard: Promise<void>): Promise<void> {
  const stop = new AbortController()
  const hinting = (async () => {
    while (!stop.signal.aborted) {
      from.publish(topic)
      await systemClock.sleep(20, stop.signal).catch(() => undefined)
    }
  })()
  try {
    await heard
  } finally {
    stop.abort()
    await hinting
  }
}

describe('hints inside a process', () => {
  it('every subscriber of the topic is called at once, and nobody else', () => {
    const hints = processHints()
    const calls: string[] = []
    hints.subscribe('a', () => calls.push('a1'))
    hints.subscribe('a', () => calls.push('a2'))
    hints.subscribe('b', () => calls.push('b'))
    hints.publish('a')
    assert.deepEqual(calls, ['a1', 'a2'])
    hints.publish('nobody')
    assert.deepEqual(calls, ['a1', 'a2'])
  })

  it('a subscription that is disposed is not called; the same function subscribed twice is called twice', () => {
    const hints = processHints()
    let calls = 0
    const count = () => {
      calls++
    }
    const first = hints.subscribe('a', count)
    hints.subscribe('a', count)
    hints.publish('a')
    first[Symbol.dispose]()
    hints.publish('a')
    assert.equal(calls, 3)
  })

  it('a topic has no blank in it: it would be two topics on the way', () => {
    assert.throws(() => processHints().publish('a b'), TypeError)
    assert.throws(() => processHints().subscribe('', () => undefined), TypeError)
  })
})

interface Pair extends AsyncDisposable {
  transport(): Promise<HintTransport>
}

const transports: Record<string, () => Promise<Pair>> = {
  NOTIFY: async () => {
    const bench = await setup('postgres', { partitions: false })
    return {
      transport: async () => notifyTransport((await bench.another()).db),
      [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
    }
  },
  Redis: async () => {
    const channel = `stoa:test:${process.pid}:${Math.random()}`
    return {
      transport: async () => redisTransport({ url: testRedisUrl(), channel }, deps),
      [Symbol.asyncDispose]: async () => undefined,
    }
  },
}

for (const [name, open] of Object.entries(transports)) {
  describe(`hints between processes by ${name}`, () => {
    it('a hint reaches the own process at once and the other one soon', async () => {
      await using pair = await open()
      await using a = await relayedHints(await pair.transport(), deps)
      await using b = await relayedHints(await pair.transport(), deps)
      const [here, there] = [counter(a, 'topic'), counter(b, 'topic')]
      a.publish('topic')
      assert.equal(here.count(), 1)
      await hintUntil(a, 'topic', there.reached(1))
    })

    it('many hints in one interval are one message, which the sender does not hear again', async () => {
      await using pair = await open()
      await using a = await relayedHints(await pair.transport(), deps, { intervalMs: 200 })
      await using b = await relayedHints(await pair.transport(), deps)
      const [here, x, y] = [counter(a, 'x'), counter(b, 'x'), counter(b, 'y')]
      const ready = counter(b, 'ready')
      await hintUntil(a, 'ready', ready.reached(1))
      // Whoever begins to hear is told to look everywhere: let that be over on both sides.
      await hintUntil(b, 'back', counter(a, 'back').reached(2))
      const heard = x.count()
      const said = here.count()
      for (let i = 0; i < 1_000; i++) a.publish('x')
      a.publish('y')
      await Promise.all([x.reached(heard + 1), y.reached(1)])
      // The flush that carried the first of them may have left alone; the rest is together in the next.
      assert.ok(x.count() - heard <= 2, `${x.count() - heard} messages`)
      assert.equal(here.count() - said, 1_000, 'inside the process each one arrives, and none comes back')
    })

    it('a topic that nobody subscribed to is ignored', async () => {
      await using pair = await open()
      await using a = await relayedHints(await pair.transport(), deps)
      await using b = await relayedHints(await pair.transport(), deps)
      const there = counter(b, 'known')
      await hintUntil(a, 'unknown', Promise.resolve())
      await hintUntil(a, 'known', there.reached(1))
    })
  })
}

describe('hints by a Redis that comes and goes', () => {
  it('a Redis that is away stops nobody; when it is back everybody is told to look', async () => {
    await using redis = await startRedis()
    await using a = await relayedHints(redisTransport({ url: redis.url }, deps), deps)
    await using b = await relayedHints(redisTransport({ url: redis.url }, deps), deps)
    const there = counter(b, 'topic')
    await hintUntil(a, 'topic', there.reached(1))
    await redis.kill()
    a.publish('topic')
    const before = there.count()
    await redis.restart()
    await there.reached(before + 1)
    await hintUntil(a, 'topic', there.reached(before + 3))
  })

  it('events are read while it is away, by the poll', async () => {
    await using redis = await startRedis()
    await using hintsA = await relayedHints(redisTransport({ url: redis.url }, deps), deps)
    await using hintsB = await relayedHints(redisTransport({ url: redis.url }, deps), deps)
    await using bench = await setup('postgres', { hints: hintsA })
    const other = await bench.another({ hints: hintsB })
    const seen = new Seen()
    await using tail = other.journal.tail({ name: 't', pollMs: 50 }, seen.take)
    await tail.ready
    await bench.append(1)
    await seen.count(1)
    await redis.kill()
    await bench.append(2)
    await seen.count(2)
    assert.deepEqual(seen.numbers, [1, 2])
  })

  it('opening does not wait for a Redis that is not there', async () => {
    const redis = await startRedis()
    await redis.stop()
    await using hints = await relayedHints(redisTransport({ url: redis.url }, deps), deps)
    const here = counter(hints, 'topic')
    hints.publish('topic')
    assert.equal(here.count(), 1)
  })
})

describe('hints between journals', () => {
  it('NOTIFY wakes the reader of another process, long before its poll', async () => {
    await using bench = await setup('postgres', { partitions: false })
    await using hintsA = await relayedHints(notifyTransport(bench.db), deps)
    const { db } = await bench.another()
    await using hintsB = await relayedHints(notifyTransport(db), deps)
    const [writer, reader] = [await bench.another({ hints: hintsA }), await bench.another({ hints: hintsB })]
    const seen = new Seen()
    await using tail = reader.journal.tail({ name: 't', pollMs: 60_000 }, seen.take)
    await tail.ready
    const { ctx } = bench
    await writer.db.transaction(ctx, async (tx) => {
      const [definition] = writer.journal.events
      assert.ok(definition)
      writer.journal.append(ctx, tx, definition.of({ n: 7 }, ['note:7']))
    })
    await seen.count(1)
    assert.deepEqual(seen.numbers, [7])
  })
})
