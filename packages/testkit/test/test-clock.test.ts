import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestClock, TestSignal } from '../src/index.ts'

describe('the test clock', () => {
  test('stands still until it is moved', async () => {
    const clock = new TestClock(1_000)
    assert.equal(clock.now(), 1_000)
    await clock.advance(500)
    assert.equal(clock.now(), 1_500)
    clock.set(10)
    assert.equal(clock.now(), 10)
  })

  test('wakes sleepers in the order of their times, each at its own', async () => {
    const clock = new TestClock(0)
    const woken: [string, number][] = []
    const sleep = async (name: string, ms: number) => {
      await clock.sleep(ms)
      woken.push([name, clock.now()])
    }
    const all = Promise.all([sleep('late', 300), sleep('early', 100), sleep('never', 1_000)])
    await clock.advance(500)
    assert.deepEqual(woken, [
      ['early', 100],
      ['late', 300],
    ])
    assert.equal(clock.sleepers, 1)
    await clock.advance(500)
    await all
  })

  test('a loop that sleeps wakes as often as it would', async () => {
    const clock = new TestClock(0)
    let turns = 0
    const stop = new AbortController()
    const loop = (async () => {
      for (;;) {
        await clock.sleep(1_000, stop.signal)
        turns++
      }
    })()
    await clock.advance(10_000)
    assert.equal(turns, 10)
    stop.abort(new Error('enough'))
    await assert.rejects(loop, /enough/)
    assert.equal(clock.sleepers, 0)
  })

  test('says when somebody sleeps', async () => {
    const clock = new TestClock()
    const sleeping = clock.sleeping(2)
    const all = Promise.all([clock.sleep(1), clock.sleep(2)])
    await sleeping
    await clock.advance(2)
    await all
  })

  test('a sleep of nothing does not wait, and one that is aborted rejects at once', async () => {
    const clock = new TestClock()
    await clock.sleep(0)
    await assert.rejects(clock.sleep(5, AbortSignal.abort(new Error('gone'))), /gone/)
  })
})

describe('the test signal', () => {
  test('counts nothing before it is armed', async () => {
    const signal = new TestSignal<number>()
    signal.fire(1)
    await assert.rejects(signal.reached(), /arm the signal/)
    signal.arm()
    signal.fire(2)
    signal.fire(3)
    assert.deepEqual([await signal.reached(), await signal.reached()], [2, 3])
  })

  test('waits for the firing to come, and not without end', async () => {
    const signal = new TestSignal<string>()
    signal.arm()
    const reached = signal.reached()
    signal.fire('now')
    assert.equal(await reached, 'now')
    await assert.rejects(signal.reached(1), /did not fire within 1 ms/)
  })
})
