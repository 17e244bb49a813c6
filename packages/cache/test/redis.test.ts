import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { eventually, TestClock } from '@stoa/testkit'
import type { EntryOptions } from '../src/index.ts'
import { connected, type Installation, install, type Process } from './redis-setup.ts'
import { acme, globex, minute, Source } from './setup.ts'

/** Processes on one Redis, connected. */
async function processes(count: number, options: Parameters<Installation['start']>[0] = {}) {
  const installation = await install()
  const started = Array.from({ length: count }, () => installation.start(options))
  await connected(...started)
  return { installation, all: started, a: started[0] as Process, b: started[1] as Process, c: started[2] as Process }
}

const ask = <T>({ cache }: Process, source: Source<T>, options: EntryOptions<T> = minute, key = 'key') =>
  cache.lookup(acme, key, options, source.load)

/** A place where something waits until it is let go. */
function gate() {
  const reached = Promise.withResolvers<void>()
  const open = Promise.withResolvers<void>()
  return {
    reached: reached.promise,
    open: () => open.resolve(),
    async pass() {
      reached.resolve()
      await open.promise
    },
  }
}

describe('what processes share', () => {
  it('what one loaded, another is given without loading, whatever it is made of', async () => {
    const { installation, a, b } = await processes(2)
    await using _ = installation
    const value = { at: new Date(), bytes: randomBytes(10_000), list: ['€'.repeat(5_000)], none: undefined }
    const source = new Source<unknown>(value)
    await ask(a, source)
    await a.cache.settled()
    assert.deepEqual((await ask(b, source)).value, value)
    assert.equal(source.loads, 1)
    assert.deepEqual(b.cache.outcomes, { hit: 1, miss: 0, stale: 0, bypass: 0 })
    await ask(b, source)
    assert.equal(b.wire.steps.length, 1)
  })

  it('a drop drops for all who have it not in memory, and what is loaded next is shared again', async () => {
    const { installation, a, b, c } = await processes(3)
    await using _ = installation
    const source = new Source('old')
    await ask(a, source)
    await a.cache.settled()
    source.value = 'new'
    await b.cache.drop(acme, ['thing:1'])
    assert.equal((await ask(b, source)).value, 'new')
    await b.cache.settled()
    assert.equal((await ask(c, source)).value, 'new')
    assert.equal(source.loads, 2)
  })

  it('clearing a tenant drops everything of it for all, and nothing of another', async () => {
    const { installation, a, b } = await processes(2)
    await using _ = installation
    const [ours, theirs] = [new Source(1), new Source(1)]
    await ask(a, ours)
    await a.cache.lookup(globex, 'key', minute, theirs.load)
    await a.cache.settled()
    await a.cache.clear(acme)
    await ask(b, ours)
    await b.cache.lookup(globex, 'key', minute, theirs.load)
    assert.deepEqual([ours.loads, theirs.loads], [2, 1])
  })

  it('a program with another schema sees none of the entries, and its drops count for both', async () => {
    const { installation, a, b } = await processes(2)
    await using _ = installation
    const newer = installation.start({ schema: '2' })
    await connected(newer)
    const [old, source] = [new Source('1'), new Source('2')]
    await ask(a, old)
    await a.cache.settled()
    assert.equal((await ask(newer, source)).value, '2')
    await newer.cache.drop(acme, ['thing:1'])
    await ask(b, old)
    assert.equal(old.loads, 2)
  })

  it('keys that differ are entries that differ, whatever bytes they are made of', async () => {
    const { installation, a, b } = await processes(2)
    await using _ = installation
    const long = 'x'.repeat(2 ** 20)
    const keys = ['', '\0', '\ud800', '\udfff', '\ufffd', '{', '}', '{acme}', '\r\n', '€', long, `${long}y`]
    for (const [n, key] of keys.entries()) await ask(a, new Source(n), minute, key)
    await a.cache.settled()
    for (const [n, key] of keys.entries()) assert.equal((await ask(b, new Source(-1), minute, key)).value, n)
    const tenants = ['acme', '{acme}', 'ac:me', '\0', '\ud800', '\udfff', long]
    const inTenants = async ({ cache }: Process, value: (n: number) => number) => {
      const found: number[] = []
      for (const [n, id] of tenants.entries()) {
        found.push(await cache.wrap({ tenant: { id } }, 'k', minute, async () => value(n)))
      }
      return found
    }
    await inTenants(a, (n) => n)
    await a.cache.settled()
    assert.deepEqual(await inTenants(b, () => -1), [...tenants.keys()])
  })

  it('that there is nothing is shared, for as long as the caller allows', async () => {
    const { installation, a, b } = await processes(2)
    await using _ = installation
    const source = new Source(undefined)
    const options = { ...minute, negativeMs: 60_000 }
    await ask(a, source, options)
    await a.cache.settled()
    assert.equal((await ask(b, source, options)).outcome, 'hit')
    assert.equal(source.loads, 1)
  })

  it('an entry keeps its age in another process', async () => {
    const { installation, a, b } = await processes(2, { memoryBytes: 0, earlyRefresh: 0 })
    await using _ = installation
    const source = new Source('v')
    const options = { tags: [], ttlMs: 300, staleMs: 60_000 }
    await ask(a, source, options)
    await a.cache.settled()
    let found = await ask(b, source, options)
    for (let last = 0; found.outcome === 'hit'; found = await ask(b, source, options)) {
      assert.ok(found.ageMs >= last && found.ageMs < 300)
      last = found.ageMs
    }
    assert.equal(found.outcome, 'stale')
    assert.ok(found.ageMs >= 300)
  })

  it('an entry that cannot be read is loaded again and replaced', async () => {
    const { installation, a, b, c } = await processes(3)
    await using _ = installation
    const source = new Source('v')
    await ask(a, source)
    await a.cache.settled()
    const [entry = ''] = await installation.redis.keys(`${installation.prefix}*e:*`)
    await installation.redis.hset(entry, 'b', 'not an entry')
    assert.equal((await ask(b, source)).value, 'v')
    assert.equal(b.told('undecodable').length, 1)
    await b.cache.settled()
    await ask(c, source)
    assert.equal(source.loads, 2)
  })

  it('a value that is too big is stored nowhere, and the one of before is gone', async () => {
    const { installation, a, b } = await processes(2, { maxValueBytes: 2_000 })
    await using _ = installation
    const source = new Source('small')
    const options = { ...minute, ttlMs: 60_000 }
    await ask(a, source, options)
    await a.cache.settled()
    await b.cache.drop(acme, minute.tags)
    source.value = 'x'.repeat(2_000)
    await ask(b, source, options)
    await b.cache.settled()
    await ask(b, source, options)
    assert.equal(source.loads, 3)
  })
})

for (const [known, tags] of [
  ['known before', ['thing:1']],
  ['known from the value', () => ['thing:1']],
] as const) {
  describe(`no stale set after a drop (tags ${known})`, () => {
    const options: EntryOptions<string> = { tags, ttlMs: 60_000 }

    it('a load that began before the drop in any process cannot store in Redis', async () => {
      const { installation, a, b, c } = await processes(3)
      await using _ = installation
      const source = new Source('old')
      source.hold()
      const slow = ask(a, source, options)
      await eventually(() => source.loads > 0)
      await b.cache.drop(acme, ['thing:1'])
      source.value = 'new'
      source.release()
      assert.equal((await slow).value, 'old')
      await a.cache.settled()
      assert.equal(a.told('refused').length, 1)
      assert.equal((await ask(c, source, options)).value, 'new')
    })

    it('between the question and the store nothing can slip through: Redis looks and stores in one step', async () => {
      const { installation, a, b, c } = await processes(3)
      await using _ = installation
      const source = new Source('old')
      const store = gate()
      a.wire.before = (step) => (step === 'store' ? store.pass() : undefined)
      await ask(a, source, options)
      await store.reached
      source.value = 'new'
      await b.cache.drop(acme, ['thing:1'])
      store.open()
      await a.cache.settled()
      assert.equal((await ask(c, source, options)).value, 'new')
    })

    it('what was asked of Redis before a drop and arrives after it is not kept in memory', async () => {
      const { installation, a, b } = await processes(2)
      await using _ = installation
      const source = new Source('old')
      await ask(a, source, options)
      await a.cache.settled()
      const answer = gate()
      b.wire.after = (step) => (step === 'ask' ? answer.pass() : undefined)
      const early = ask(b, source, options)
      await answer.reached
      source.value = 'new'
      await b.cache.drop(acme, ['thing:1'])
      const late = ask(b, source, options)
      answer.open()
      await early
      assert.equal((await late).value, 'new')
      assert.equal((await ask(b, source, options)).value, 'new')
    })

    it('a process does not believe Redis before its drop is confirmed there', async () => {
      const { installation, a } = await processes(1)
      await using _ = installation
      const source = new Source('old')
      await ask(a, source, options)
      await a.cache.settled()
      const drop = gate()
      a.wire.before = (step) => (step === 'drop' ? drop.pass() : undefined)
      source.value = 'new'
      const dropped = a.cache.drop(acme, ['thing:1'])
      await drop.reached
      assert.equal((await ask(a, source, options)).value, 'new')
      drop.open()
      await dropped
      assert.equal((await ask(a, source, options)).value, 'new')
    })

    it('a drop that fails is sent again until it succeeds, and believed by nobody here before', async () => {
      const { installation, a, b } = await processes(2, { redis: { restMs: 10 } })
      await using _ = installation
      const source = new Source('old')
      await ask(a, source, options)
      await a.cache.settled()
      let failures = 3
      a.wire.before = (step) => {
        if (step === 'drop' && failures-- > 0) throw new Error('lost on its way')
      }
      source.value = 'new'
      await a.cache.drop(acme, ['thing:1'])
      assert.equal((await ask(a, source, options)).value, 'new')
      await eventually(() => a.wire.steps.includes('drop'))
      assert.equal((await ask(b, source, options)).value, 'new')
      assert.equal(a.told('drops_pending').length, 1)
    })
  })
}

describe('one load for all processes', () => {
  it('a thousand misses on four processes are one load', async () => {
    const { installation, all } = await processes(4)
    await using _ = installation
    const source = new Source('v')
    source.hold()
    const asked = all.flatMap((process) => Array.from({ length: 250 }, () => ask(process, source)))
    await eventually(() => source.loads > 0)
    source.release()
    for (const one of await Promise.all(asked)) assert.equal(one.value, 'v')
    assert.equal(source.loads, 1)
  })

  it('without the lease they are one per process', async () => {
    const { installation, all } = await processes(4, { redis: { leaseMs: 0 } })
    await using _ = installation
    const source = new Source('v')
    source.hold()
    const asked = all.flatMap((process) => Array.from({ length: 250 }, () => ask(process, source)))
    await eventually(() => source.loads >= 4)
    source.release()
    await Promise.all(asked)
    assert.equal(source.loads, 4)
  })

  it('when the load fails, the next process loads', async () => {
    const { installation, a, b } = await processes(2)
    await using _ = installation
    const failing = Promise.withResolvers<string>()
    const began = Promise.withResolvers<void>()
    const load = () => {
      began.resolve()
      return failing.promise
    }
    const first = assert.rejects(a.cache.wrap(acme, 'key', minute, load), /away/)
    await began.promise
    const source = new Source('v')
    const second = ask(b, source)
    failing.reject(new Error('away'))
    await first
    assert.equal((await second).value, 'v')
  })

  it('nobody waits for another process longer than its limit', async () => {
    const { installation, a, b } = await processes(2, { redis: { leaseWaitMs: 30 } })
    await using _ = installation
    const source = new Source('v')
    source.hold()
    const first = ask(a, source)
    await eventually(() => source.loads > 0)
    const own = new Source('own')
    assert.equal((await ask(b, own)).value, 'own')
    source.release()
    await first
  })

  it('a process that died while loading holds the others up for the lease at most', async () => {
    const { installation, a, b } = await processes(2, { redis: { leaseMs: 50 } })
    await using _ = installation
    const source = new Source('v')
    source.hold()
    void ask(a, source)
    await eventually(() => source.loads > 0)
    assert.equal((await ask(b, new Source('b'))).value, 'b')
  })

  it('who asks after a drop does not wait for a load that began before it', async () => {
    const { installation, a, b } = await processes(2)
    await using _ = installation
    const old = new Source('old')
    old.hold()
    const slow = ask(a, old)
    await eventually(() => old.loads > 0)
    await b.cache.drop(acme, minute.tags)
    assert.equal((await ask(b, new Source('new'))).value, 'new')
    old.release()
    await slow
  })

  it('what is stale is loaded anew by one process, and the others take what it brings', async () => {
    const clock = new TestClock()
    const installation = await install()
    await using _ = installation
    const all = Array.from({ length: 3 }, () => installation.start({}, { clock }))
    await connected(...all)
    const source = new Source('old')
    const options = { ...minute, staleMs: 60_000 }
    for (const process of all) {
      await ask(process, source, options)
      await process.cache.settled()
    }
    assert.equal(source.loads, 1)
    await clock.advance(60_000)
    source.value = 'new'
    source.hold()
    const [a, ...others] = all as [Process, ...Process[]]
    assert.equal((await ask(a, source, options)).outcome, 'stale')
    await eventually(() => source.loads >= 2)
    for (const process of others) assert.equal((await ask(process, source, options)).outcome, 'stale')
    await eventually(() => others.every(({ wire }) => wire.steps.length >= 2))
    source.release()
    await eventually(async () => (await ask(a, source, options)).value !== 'old')
    await a.cache.settled()
    await clock.advance(1_000)
    for (const process of others) {
      await eventually(async () => (await ask(process, source, options)).value !== 'old')
    }
    assert.equal(source.loads, 2)
  })
})

describe('what Redis remembers', () => {
  it('is bounded: a load that began before more drops than that is refused, and so is what is older', async () => {
    const { installation, a, b } = await processes(2, { redis: { maxDrops: 100 } })
    await using _ = installation
    const [kept, slow] = [new Source('kept'), new Source('slow')]
    await ask(a, kept, minute, 'kept')
    await a.cache.settled()
    slow.hold()
    const asked = ask(a, slow, minute, 'slow')
    await eventually(() => slow.loads > 0)
    for (let i = 0; i < 10; i++)
      await b.cache.drop(
        acme,
        Array.from({ length: 50 }, (_, j) => `other:${i}:${j}`),
      )
    assert.ok((await installation.redis.zcard(`${installation.prefix}{acme}d`)) <= 103)
    slow.release()
    await asked
    await a.cache.settled()
    await ask(b, slow, minute, 'slow')
    await ask(b, kept, minute, 'kept')
    assert.deepEqual([slow.loads, kept.loads], [2, 2])
  })

  it('is for all, or for nobody: when the drops are lost, everything is void', async () => {
    const { installation, a, b } = await processes(2)
    await using _ = installation
    const [kept, slow] = [new Source('kept'), new Source('old')]
    await ask(a, kept, minute, 'kept')
    await a.cache.drop(acme, ['thing:2'])
    slow.hold()
    const asked = ask(a, slow, minute, 'slow')
    await eventually(() => slow.loads > 0)
    await b.cache.drop(acme, minute.tags)
    await installation.redis.del(`${installation.prefix}{acme}d`)
    slow.value = 'new'
    slow.release()
    await asked
    await a.cache.settled()
    assert.equal((await ask(b, slow, minute, 'slow')).value, 'new')
    await ask(b, kept, minute, 'kept')
    assert.equal(kept.loads, 2)
  })

  it('expires, entries before drops', async () => {
    const { installation, a } = await processes(1, { maxTtlMs: 60_000 })
    await using _ = installation
    await ask(a, new Source('v'))
    await a.cache.settled()
    await a.cache.drop(acme, ['thing:2'])
    const keys = await installation.redis.keys(`${installation.prefix}*`)
    const lives = await Promise.all(keys.map((key) => installation.redis.pttl(key)))
    assert.equal(keys.length, 2)
    assert.ok(lives.every((life) => life > 0 && life <= 120_000))
  })
})
