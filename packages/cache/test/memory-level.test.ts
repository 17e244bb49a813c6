// A process of its own: it weighs the heap.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { createCache } from '../src/index.ts'
import { MemoryLevel, type MemoryValue } from '../src/memory-level.ts'
import { contentOf } from '../src/value.ts'
import { acme, Source, setup } from './setup.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const kept = (value: unknown): MemoryValue => ({
  value,
  loadedAt: 0,
  freshUntil: 1,
  staleUntil: 1,
  spentMs: 0,
  origin: '',
  refreshAfter: 0,
})

describe('memory', () => {
  it('is never fuller than its bound, whatever is put, asked, dropped and removed', () => {
    const id = fc.nat(30).map(String)
    const tag = fc.nat(8).map(String)
    const step = fc.oneof(
      fc.record({ do: fc.constant('put'), id, tags: fc.array(tag, { maxLength: 3 }), bytes: fc.nat(4_000) }),
      fc.record({ do: fc.constant('get'), id }),
      fc.record({ do: fc.constant('remove'), id }),
      fc.record({ do: fc.constant('drop'), tag }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const memory = new MemoryLevel(16_000)
        const good = new Map<string, { readonly bytes: number; readonly tags: readonly string[] }>()
        for (const one of steps) {
          if ('bytes' in one) {
            if (memory.put(one.id, [...new Set(one.tags)], one.bytes, kept(one.bytes))) good.set(one.id, one)
            else good.delete(one.id)
          } else if ('tag' in one) {
            memory.drop(one.tag)
            for (const [name, { tags }] of good) if (tags.includes(one.tag)) good.delete(name)
          } else if (one.do === 'remove') {
            memory.remove(one.id)
            good.delete(one.id)
          } else {
            const found = memory.get(one.id)
            assert.ok(
              found === undefined || found.value === good.get(one.id)?.bytes,
              'a value that is not the last one',
            )
          }
          assert.ok(memory.usage.bytes <= 16_000)
        }
        for (const name of Array.from({ length: 31 }, (_, i) => String(i))) memory.remove(name)
        assert.deepEqual({ ...memory.usage, evictions: 0 }, { entries: 0, bytes: 0, evictions: 0 })
      }),
      { numRuns: 500 },
    )
  })

  it('a million distinct keys stay within the bound', () => {
    const memory = new MemoryLevel(4 * 2 ** 20)
    for (let i = 0; i < 1_000_000; i++) memory.put(`key ${i}`, [`thing:${i}`], 8, kept(i))
    const { bytes, entries, evictions } = memory.usage
    assert.ok(bytes <= 4 * 2 ** 20)
    assert.ok(entries > 3_000, `only ${entries} entries`)
    assert.equal(entries + evictions, 1_000_000)
  })

  it('the estimate is at least what the heap grows by, and not above three times that', async () => {
    const row = (i: number) => ({
      id: `0197c0de-0000-7000-8000-${i}`,
      name: `Name of ${i}`,
      tags: ['a', 'b'],
      count: i,
      done: false,
    })
    const heap = () => {
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const before = heap()
    const cache = createCache()
    for (let i = 0; i < 20_000; i++) {
      await cache.wrap(acme, `k${i}`, { tags: [`thing:${i}`], ttlMs: 60_000 }, async () => row(i))
    }
    const grown = heap() - before
    const { bytes } = cache.memory
    assert.ok(bytes >= grown * 0.9 && bytes <= grown * 3, `estimated ${bytes}, grown ${grown}`)
  })

  it('keeps what is asked for again, whatever is read through once', () => {
    const memory = new MemoryLevel(100_000)
    for (let i = 0; i < 50; i++) memory.put(`hot ${i}`, [], 100, kept(i))
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 50; i++) memory.get(`hot ${i}`)
      for (let i = 0; i < 50; i++) memory.put(`once ${round} ${i}`, [], 100, kept(i))
    }
    const left = Array.from({ length: 50 }, (_, i) => memory.get(`hot ${i}`)).filter(Boolean)
    assert.equal(left.length, 50)
  })

  it('room is made by what was dropped before by what is good', () => {
    const memory = new MemoryLevel(100_000)
    let puts = 0
    const fill = (tag: string) => {
      memory.put(`${tag} ${puts++}`, [tag], 1_000, kept(tag))
    }
    for (let i = 0; i < 30; i++) fill('gone')
    for (let i = 0; i < 30; i++) fill('good')
    memory.drop('gone')
    for (let i = 0; i < 30; i++) fill('new')
    const left = (tag: string, from: number) =>
      Array.from({ length: 30 }, (_, i) => memory.get(`${tag} ${from + i}`)).filter(Boolean).length
    assert.deepEqual([left('gone', 0), left('good', 30), left('new', 60)], [0, 30, 30])
  })

  it('one entry takes a quarter of it at most', () => {
    const memory = new MemoryLevel(100_000)
    assert.equal(memory.put('big', [], 25_000, kept(1)), false)
    assert.equal(memory.put('big', [], 24_000, kept(1)), true)
  })

  it('of no bytes keeps nothing, and values still come', async () => {
    const { cache } = setup({ memoryBytes: 0 })
    const source = new Source(1)
    const ask = () => cache.wrap(acme, 'k', { tags: [], ttlMs: 1_000 }, source.load)
    assert.equal(await ask(), 1)
    assert.equal(await ask(), 1)
    assert.equal(source.loads, 2)
  })
})

describe('what a value holds', () => {
  const measured = (value: unknown) => {
    const content = contentOf(value, 10_000)
    return typeof content === 'string' ? content : content.json
  }

  it('JSON gives back what is made of records, lists, texts, finite numbers, booleans and null', () => {
    for (const value of [{ a: [1, 'x', true, null, { b: '\ud800' }] }, '', 0, [], {}, false]) {
      assert.equal(measured(value), true)
    }
  })

  it('other plain data needs another form', () => {
    for (const value of [
      undefined,
      { a: undefined },
      Number.NaN,
      -0,
      1n,
      new Date(),
      new Map(),
      new Set(),
      Buffer.alloc(1),
    ]) {
      assert.equal(measured(value), false)
    }
  })

  it('wide text counts twice', () => {
    const bytes = (text: string) => {
      const content = contentOf(text, 10_000)
      assert.ok(typeof content !== 'string')
      return content.bytes
    }
    assert.equal(bytes('ä'.repeat(100)) - bytes(''), 100)
    assert.equal(bytes('€'.repeat(100)) - bytes(''), 200)
  })

  it('a value that contains itself, or is nested deeper than 100, is no data', () => {
    let deep: unknown = 1
    for (let i = 0; i < 101; i++) deep = [deep]
    assert.equal(measured(deep), 'not_data')
    const shared: unknown[] = []
    let wide: unknown = shared
    for (let i = 0; i < 60; i++) wide = [wide, wide]
    assert.equal(measured(wide), 'too_big')
  })
})
