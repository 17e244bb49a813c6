import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CacheLoadTimeout, type CacheOptions, createCache } from '../src/index.ts'
import { memoryId } from '../src/keys.ts'
import { acme, asker, globex, minute, Source, settled, setup } from './setup.ts'

describe('wrap', () => {
  it('a value is loaded once and then given from memory, the same object each time', async () => {
    const { cache } = setup()
    const source = new Source({ name: 'Ada' })
    const ask = asker(cache)
    const first = await ask(source)
    assert.equal(await ask(source), first)
    assert.equal(source.loads, 1)
    assert.deepEqual(cache.outcomes, { hit: 1, miss: 1, stale: 0, bypass: 0 })
  })

  it('a value is loaded again when its time is over, and not a moment earlier', async () => {
    const { cache, clock } = setup()
    const source = new Source(1)
    const ask = asker(cache)
    await ask(source)
    await clock.advance(59_999)
    await ask(source)
    assert.equal(source.loads, 1)
    await clock.advance(1)
    await ask(source)
    assert.equal(source.loads, 2)
  })

  it('says how a value came and how old it is', async () => {
    const { cache, clock } = setup()
    const { load } = new Source('v')
    const options = { ...minute, staleMs: 1_000 }
    assert.deepEqual(await cache.lookup(acme, 'k', options, load), { value: 'v', outcome: 'miss', ageMs: 0 })
    await clock.advance(500)
    assert.deepEqual(await cache.lookup(acme, 'k', options, load), { value: 'v', outcome: 'hit', ageMs: 500 })
    await clock.advance(60_000)
    assert.deepEqual(await cache.lookup(acme, 'k', options, load), { value: 'v', outcome: 'stale', ageMs: 60_500 })
  })

  it('keys of two tenants, and two versions of a value, are apart', async () => {
    const { cache } = setup()
    const [ours, theirs, newer] = [new Source('ours'), new Source('theirs'), new Source('newer')]
    assert.equal(await cache.wrap(acme, 'k', minute, ours.load), 'ours')
    assert.equal(await cache.wrap(globex, 'k', minute, theirs.load), 'theirs')
    assert.equal(await cache.wrap(acme, 'k', { ...minute, version: 2 }, newer.load), 'newer')
    assert.equal(await cache.wrap(acme, 'k', minute, ours.load), 'ours')
    assert.equal(ours.loads, 1)
  })

  it('no tenant, version and key are mistaken for others, whatever they are made of', () => {
    const text = fc.string({ unit: fc.constantFrom('1', ':', '=', '#', '{', '\0', '\ud800', 'a'), maxLength: 6 })
    const place = fc.record({ tenant: text, version: fc.nat(12), key: text })
    fc.assert(
      fc.property(place, place, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b))
        assert.notEqual(memoryId(a.tenant, a.version, a.key), memoryId(b.tenant, b.version, b.key))
      }),
      { numRuns: 5_000 },
    )
  })

  it('a key of a megabyte, of NUL or of lone surrogates is a key like any other', async () => {
    const { cache } = setup()
    const keys = ['x'.repeat(2 ** 20), `${'x'.repeat(2 ** 20)}y`, '', '\0', '\ud800', '\udfff', '\ufffd', '{}', '\n']
    for (const key of keys) assert.equal(await cache.wrap(acme, key, minute, new Source(key.length).load), key.length)
    for (const key of keys) assert.equal(await cache.wrap(acme, key, minute, new Source(-1).load), key.length)
    assert.ok(cache.memory.bytes < 20_000, `${cache.memory.bytes} bytes for ${keys.length} keys`)
  })

  it('a value is frozen down to its last object, for the one who loaded it too', async () => {
    const { cache } = setup()
    const value = { list: [{ deep: { name: 'Ada' } }] }
    const given = await cache.wrap(acme, 'k', minute, new Source(value).load)
    assert.throws(() => given.list.push({ deep: { name: 'Bob' } }), TypeError)
    assert.throws(() => Object.assign(given.list[0]?.deep ?? {}, { name: 'Bob' }), TypeError)
  })

  it('the time to live and the tags may depend on the value', async () => {
    const { cache, clock } = setup()
    const options = {
      tags: (value: { id: number }) => [`thing:${value.id}`],
      ttlMs: (value: { id: number }) => value.id * 1_000,
    }
    const [short, never] = [new Source({ id: 5 }), new Source({ id: 0 })]
    await cache.wrap(acme, 'short', options, short.load)
    await clock.advance(4_999)
    await cache.wrap(acme, 'short', options, short.load)
    assert.equal(short.loads, 1)
    cache.drop(acme, ['thing:5'])
    await cache.wrap(acme, 'short', options, short.load)
    assert.equal(short.loads, 2)
    await cache.wrap(acme, 'never', options, never.load)
    await cache.wrap(acme, 'never', options, never.load)
    assert.equal(never.loads, 2)
  })

  it('that there is nothing is not kept, unless the caller allows it for a time', async () => {
    const { cache, clock } = setup()
    const [always, once] = [new Source(undefined), new Source(undefined)]
    await cache.wrap(acme, 'always', minute, always.load)
    await cache.wrap(acme, 'always', minute, always.load)
    assert.equal(always.loads, 2)
    const negative = { ...minute, staleMs: 60_000, negativeMs: 1_000 }
    await cache.wrap(acme, 'once', negative, once.load)
    assert.deepEqual(await cache.lookup(acme, 'once', negative, once.load), {
      value: undefined,
      outcome: 'hit',
      ageMs: 0,
    })
    await clock.advance(1_000)
    await cache.wrap(acme, 'once', negative, once.load)
    assert.equal(once.loads, 2)
  })

  it('null is a value', async () => {
    const { cache } = setup()
    const source = new Source(null)
    await cache.wrap(acme, 'k', minute, source.load)
    assert.equal(await cache.wrap(acme, 'k', minute, source.load), null)
    assert.equal(source.loads, 1)
  })

  it('a cache that is passed by loads, and neither gives nor keeps', async () => {
    let inTransaction = false
    const { cache } = setup({}, { bypass: () => inTransaction })
    const source = new Source(1)
    await asker(cache)(source)
    inTransaction = true
    source.value = 2
    assert.deepEqual(await cache.lookup(acme, 'key', minute, source.load), { value: 2, outcome: 'bypass', ageMs: 0 })
    inTransaction = false
    assert.equal(await asker(cache)(source), 1)
  })

  it('one who gives up stops waiting, and the load goes on for the others', async () => {
    const { cache } = setup()
    const source = new Source(1)
    source.hold()
    const leaving = new AbortController()
    const left = cache.wrap({ ...acme, signal: leaving.signal }, 'key', minute, source.load)
    const stayed = asker(cache)(source)
    leaving.abort(new Error('gone home'))
    await assert.rejects(left, /gone home/)
    source.release()
    assert.equal(await stayed, 1)
    assert.equal(source.loads, 1)
    assert.equal(source.signals[0]?.aborted, false)
    await assert.rejects(cache.wrap({ ...acme, signal: leaving.signal }, 'other', minute, source.load), /gone home/)
    assert.equal(source.loads, 1)
  })
})

describe('loads that go wrong', () => {
  it('one that throws fails for all who wait, keeps nothing, and is tried again by the next', async () => {
    const { cache, told } = setup()
    let loads = 0
    const failing = async () => {
      loads++
      await settled()
      throw new Error('the database is away')
    }
    const asked = Array.from({ length: 3 }, () => cache.wrap(acme, 'k', minute, failing))
    for (const one of asked) await assert.rejects(one, /the database is away/)
    assert.equal(loads, 1)
    assert.equal(told('load_failed').length, 1)
    assert.equal(await cache.wrap(acme, 'k', minute, new Source(1).load), 1)
  })

  it('one that throws before it returns a promise fails in the same way', async () => {
    const { cache } = setup()
    const failing = (): Promise<number> => {
      throw new Error('at once')
    }
    await assert.rejects(cache.wrap(acme, 'k', minute, failing), /at once/)
    assert.equal(await cache.wrap(acme, 'k', minute, new Source(1).load), 1)
  })

  it('one that hangs fails at its limit, is told so, and what it brings later is thrown away', async () => {
    const { cache, clock } = setup({ loadTimeoutMs: 1_000 })
    const hanging = new Source('late')
    hanging.hold()
    const asked = asker(cache)(hanging)
    const failed = assert.rejects(asked, CacheLoadTimeout)
    await clock.advance(1_000)
    await failed
    assert.equal(hanging.signals[0]?.aborted, true)
    hanging.release()
    await settled()
    assert.equal(await asker(cache)(new Source('fresh')), 'fresh')
  })

  it('a value that is too big, too deep or not plain data is given to its caller and not kept', async () => {
    const { cache, told } = setup({ maxValueBytes: 2_000 })
    class Money {}
    const round: { self?: unknown } = {}
    round.self = round
    const values = [
      'x'.repeat(2_000),
      Buffer.alloc(2_000),
      new Money(),
      { price: new Money() },
      round,
      () => 1,
      Symbol('s'),
    ]
    for (const value of values) {
      const source = new Source<unknown>(value)
      assert.equal(await cache.wrap(acme, 'k', minute, source.load), value)
      assert.equal(await cache.wrap(acme, 'k', minute, source.load), value)
      assert.equal(source.loads, 2)
    }
    assert.equal(Object.isFrozen(round), false)
    assert.equal(told('unstorable').length, 2 * values.length)
    assert.equal(cache.memory.entries, 0)
  })

  it('what cannot be stored does not leave the value of before in its place', async () => {
    const { cache, clock } = setup({ maxValueBytes: 2_000 })
    const options = { ...minute, staleMs: 60_000 }
    const source = new Source('small')
    await cache.wrap(acme, 'k', options, source.load)
    source.value = 'x'.repeat(2_000)
    await clock.advance(60_000)
    assert.equal(await cache.wrap(acme, 'k', options, source.load), 'small')
    await settled()
    assert.equal(await cache.wrap(acme, 'k', options, source.load), source.value)
  })

  it('a function of the options that throws fails the caller', async () => {
    const { cache } = setup()
    const options = { ...minute, tags: (value: { id: string } | null) => [(value as { id: string }).id] }
    await assert.rejects(cache.wrap(acme, 'k', options, new Source(null).load), TypeError)
    await assert.rejects(
      cache.wrap(acme, 'k', { ...minute, tags: () => [''] }, new Source(1).load),
      /a tag is a string/,
    )
    await assert.rejects(cache.wrap(acme, 'k', { ...minute, ttlMs: () => Number.NaN }, new Source(1).load), RangeError)
  })
})

describe('a clock that is set', () => {
  it('backwards: what was stored later than now is loaded again, never given out for longer', async () => {
    const { cache, clock } = setup()
    const source = new Source(1)
    await asker(cache)(source)
    clock.set(clock.now() - 3_600_000)
    await asker(cache)(source)
    assert.equal(source.loads, 2)
    await asker(cache)(source)
    assert.equal(source.loads, 2)
  })

  it('backwards: a load that hangs still ends', async () => {
    const { cache, clock } = setup({ loadTimeoutMs: 1_000 })
    const hanging = new Source(1)
    hanging.hold()
    const failed = assert.rejects(asker(cache)(hanging), CacheLoadTimeout)
    clock.set(clock.now() - 3_600_000)
    await clock.advance(3_601_000)
    await failed
  })
})

describe('options', () => {
  it('of the cache are refused when they do not exist or are out of range', () => {
    const wrong: [object, RegExp][] = [
      [{ memoryByte: 1 }, /unknown option 'memoryByte'; there are memoryBytes/],
      [{ memoryBytes: -1 }, /memoryBytes must be from 0/],
      [{ loadTimeoutMs: '1' }, /loadTimeoutMs/],
      [{ maxValueBytes: Number.NaN }, /maxValueBytes/],
      [{ schema: 'a b' }, /schema/],
      [{ redis: { timeout: 1 } }, /unknown option 'redis.timeout'/],
      [{ redis: { leaseMs: -1 } }, /redis.leaseMs/],
      [{ redis: { prefix: '{x}' } }, /redis.prefix/],
    ]
    for (const [options, message] of wrong) assert.throws(() => createCache(options as CacheOptions), message)
  })

  it('of an entry are refused when they are out of range', async () => {
    const { cache } = setup({ maxTtlMs: 60_000 })
    const wrong: object[] = [
      { ...minute, ttlMs: 60_001 },
      { ...minute, ttlMs: 0 },
      { ...minute, ttlMs: Number.NaN },
      { ...minute, staleMs: 1 },
      { ...minute, negativeMs: -1 },
      { ...minute, version: 1.5 },
      { ...minute, tags: ['x'.repeat(201)] },
      { ...minute, tags: [''] },
      { ...minute, tags: Array.from({ length: 65 }, String) },
      { ...minute, tags: 'thing:1' },
    ]
    for (const options of wrong) {
      await assert.rejects(cache.wrap(acme, 'k', options as typeof minute, new Source(1).load), /must be|a tag is/)
    }
    assert.throws(() => cache.drop(acme, ['']), TypeError)
  })
})
