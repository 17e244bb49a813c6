import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backoffMs, type Clock, type RepeatOptions, repeat } from '@stoa/kernel'

/** A clock whose sleepers the test wakes. */
function setup(options: Partial<RepeatOptions> = {}, work: (signal: AbortSignal) => Promise<unknown> = async () => 1) {
  const naps: { readonly ms: number; wake(): void }[] = []
  const asleep: (() => void)[] = []
  const clock: Clock = {
    now: () => 0,
    sleep: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        naps.push({ ms, wake: resolve })
        signal?.addEventListener('abort', () => reject(signal.reason))
        asleep.shift()?.()
      }),
  }
  const failures: unknown[] = []
  let times = 0
  const counted = async (signal: AbortSignal) => {
    times += 1
    await work(signal)
  }
  /** Resolves when it sleeps for so many times. */
  const sleeping = async (count: number) => {
    while (naps.length < count) await new Promise<void>((resolve) => asleep.push(resolve))
  }
  const repeating = repeat(counted, { clock, everyMs: 60, onError: (error) => failures.push(error), ...options })
  return { repeating, naps, failures, sleeping, times: () => times }
}

describe('repeat', () => {
  it('waits before each time, and for the first time as long as it is told', async () => {
    const { repeating, naps, sleeping, times } = setup({ firstMs: 5 })
    naps[0]?.wake()
    await sleeping(2)
    naps[1]?.wake()
    await sleeping(3)
    assert.deepEqual(
      naps.map(({ ms }) => ms),
      [5, 60, 60],
    )
    assert.equal(times(), 2)
    await repeating[Symbol.asyncDispose]()
    assert.equal(times(), 2)
  })

  it('begins at once with a first pause of nothing, and says when the first time is over', async () => {
    const held = Promise.withResolvers<void>()
    const { repeating, naps, times } = setup({ firstMs: 0 }, () => held.promise)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([times(), naps.length], [1, 0])
    held.resolve()
    await repeating.first
    await repeating[Symbol.asyncDispose]()
  })

  it('goes on after a failure, which is told', async () => {
    const failure = new Error('away')
    const { repeating, failures, naps, sleeping } = setup({}, () => Promise.reject(failure))
    naps[0]?.wake()
    await sleeping(2)
    assert.deepEqual(failures, [failure])
    await repeating.first
    naps[1]?.wake()
    await sleeping(3)
    assert.equal(failures.length, 2)
    await repeating[Symbol.asyncDispose]()
  })

  it('ends with the work that is under way, whose signal aborts, and tells nobody what that throws then', async () => {
    let ended = false
    const { repeating, failures } = setup({ firstMs: 0 }, async (signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      ended = true
      throw new Error('interrupted')
    })
    await new Promise((resolve) => setImmediate(resolve))
    await repeating[Symbol.asyncDispose]()
    assert.equal(ended, true)
    assert.deepEqual(failures, [])
  })

  it('ends at once while it waits, without a first time', async () => {
    const { repeating, times } = setup()
    await repeating[Symbol.asyncDispose]()
    await repeating.first
    assert.equal(times(), 0)
  })
})

describe('the wait before another attempt', () => {
  it('doubles up to its end, and is between half and the whole of that', () => {
    for (const [attempt, most] of [
      [0, 100],
      [1, 200],
      [3, 800],
      [4, 1_000],
      [1_000_000, 1_000],
    ] as const) {
      for (let n = 0; n < 100; n++) {
        const ms = backoffMs(attempt, 100, 1_000)
        assert.ok(ms >= most / 2 && ms <= most, `${ms} at attempt ${attempt}`)
      }
    }
  })
})
