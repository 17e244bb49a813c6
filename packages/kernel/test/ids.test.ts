import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Clock, idTime, isId, newId } from '@stoa/kernel'
import fc from 'fast-check'

/** A clock that shows the given times one after the other and then stays at the last. */
function clockShowing(...times: number[]): Clock {
  let next = 0
  return { now: () => times[Math.min(next++, times.length - 1)] ?? 0, sleep: async () => {} }
}

const FAR_MS = Date.UTC(2999, 0, 1)

describe('newId', () => {
  it('makes a UUIDv7 of RFC 9562 that carries the time of the clock', () => {
    const id = newId(clockShowing(FAR_MS))
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(idTime(id).getTime(), FAR_MS)
  })

  it('stays strictly increasing when 100,000 ids fall in one millisecond', () => {
    const clock = clockShowing(FAR_MS + 1)
    let last = newId(clock)
    for (let count = 0; count < 100_000; count++) {
      const id = newId(clock)
      assert.ok(id > last, `${id} must follow ${last}`)
      last = id
    }
    assert.equal(idTime(last).getTime(), FAR_MS + 1, 'and does not run ahead of the clock for that')
  })

  it('stays strictly increasing whatever the clock does: backwards, standing still, negative, fractional, not a number', () => {
    let last = newId(clockShowing(FAR_MS + 2))
    const times = fc.oneof(fc.integer({ min: -1000, max: FAR_MS * 1.01 }), fc.double(), fc.constant(Number.NaN))
    fc.assert(
      fc.property(fc.array(times, { minLength: 1, maxLength: 50 }), (shown) => {
        const clock = clockShowing(...shown.map((time) => Math.min(time, FAR_MS * 1.01)))
        for (const _ of shown) {
          const id = newId(clock)
          assert.ok(isId(id), id)
          assert.ok(id > last, `${id} must follow ${last}`)
          last = id
        }
      }),
    )
  })

  it('never repeats, and ends in fresh random bits for each id', () => {
    const ids = Array.from({ length: 50_000 }, () => newId())
    assert.equal(new Set(ids).size, ids.length)
    const tails = new Set(ids.map((id) => id.slice(26)))
    assert.ok(tails.size >= ids.length - 2, '40 random bits hardly ever meet in 50,000 draws')
  })
})

describe('isId', () => {
  it('accepts what newId makes and nothing else', () => {
    assert.ok(isId(newId()))
    const id = newId()
    const others = [
      '',
      id.toUpperCase(),
      `${id} `,
      `${id}\n`,
      id.replaceAll('-', ''),
      `{${id}}`,
      '00000000-0000-4000-8000-000000000000',
      '00000000-0000-7000-c000-000000000000',
      null,
      undefined,
      7,
      [id],
      { toString: () => id },
    ]
    for (const other of others) assert.equal(isId(other), false, String(other))
  })

  it('refuses every string that is not 36 characters of a UUIDv7, without choking', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => isId(text) === false))
  })
})

describe('idTime', () => {
  it('throws on anything that is not an id, so that a foreign value does not become a date', () => {
    assert.throws(() => idTime('01890a5d-ac96-474b-bd1c-ffffffffffff'), TypeError)
  })
})
