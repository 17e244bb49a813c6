import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, it } from 'node:test'
import { listenForStop } from '../src/stop-signals.ts'

function setup({ byNpm = false, parent = null as string | null } = {}) {
  const source = Object.assign(new EventEmitter(), { ppid: 100 })
  let nowMs = 0
  const codes: number[] = []
  const stop = listenForStop((code) => codes.push(code), {
    byNpm,
    self: source as unknown as NodeJS.Process,
    nameOf: (pid) => (pid === 100 ? parent : null),
    now: () => nowMs,
  })
  const press = (atMs: number, signal = 'SIGINT') => {
    nowMs = atMs
    source.emit(signal, signal)
  }
  return { source, stop, codes, press, [Symbol.dispose]: () => stop[Symbol.dispose]() }
}

describe('signals to stop', () => {
  it('the first one asks to drain', () => {
    using signals = setup()
    assert.equal(signals.stop.signal.aborted, false)
    signals.press(1000)
    assert.equal(signals.stop.signal.aborted, true)
    assert.deepEqual(signals.codes, [])
  })

  it('a second one stops at once with the code of its signal, however soon it comes', () => {
    using signals = setup()
    signals.press(1000)
    signals.press(1001)
    assert.deepEqual(signals.codes, [130])
    using other = setup()
    other.press(1000, 'SIGTERM')
    other.press(2000, 'SIGTERM')
    assert.deepEqual(other.codes, [143])
  })

  for (const parent of ['npm start', null]) {
    it(`under npm, one press that arrives twice counts once (parent: ${parent ?? 'nobody can tell'})`, () => {
      using signals = setup({ byNpm: true, parent })
      signals.press(1000)
      signals.press(1005)
      assert.deepEqual(signals.codes, [])
      signals.press(1200)
      assert.deepEqual(signals.codes, [130])
      using busy = setup({ byNpm: true, parent })
      busy.press(1000)
      busy.press(1450)
      assert.deepEqual(busy.codes, [], 'npm had to wait for its turn')
      busy.press(1455)
      assert.deepEqual(busy.codes, [130])
    })

    it(`under npm, a second press that npm does not repeat counts (parent: ${parent ?? 'nobody can tell'})`, () => {
      using signals = setup({ byNpm: true, parent })
      signals.press(1000)
      signals.press(1500)
      assert.deepEqual(signals.codes, [130])
    })
  }

  it('under npm with a shell between, which passes nothing on, the second press counts however soon it comes', () => {
    for (const parent of ['sh', 'dash', 'bash']) {
      using signals = setup({ byNpm: true, parent })
      signals.press(1000)
      signals.press(1005)
      assert.deepEqual(signals.codes, [130], parent)
    }
  })

  it('under npm, quick presses are not taken for echoes for ever: the third signal stops at once', () => {
    using signals = setup({ byNpm: true })
    signals.press(1000)
    signals.press(1150)
    signals.press(1300)
    assert.deepEqual(signals.codes, [130])
  })

  it('under npm, an end of the parent is the first signal, because npm keeps what it was sent to itself', async () => {
    using signals = setup({ byNpm: true })
    const awake = setInterval(() => undefined, 1_000)
    signals.source.ppid = 1
    if (!signals.stop.signal.aborted) await once(signals.stop.signal, 'abort')
    clearInterval(awake)
    assert.deepEqual(signals.codes, [])
  })

  it('a process that no longer listens is stopped by the system again', () => {
    const { source, stop } = setup()
    stop[Symbol.dispose]()
    assert.equal(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM'), 0)
  })
})
