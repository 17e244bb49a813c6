import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, it } from 'node:test'
import { listenForStop } from '../src/stop-signals.ts'

function setup() {
  const source = new EventEmitter()
  let nowMs = 0
  const codes: number[] = []
  const stop = listenForStop(
    (code) => codes.push(code),
    source as unknown as NodeJS.Process,
    () => nowMs,
  )
  const press = (atMs: number, signal = 'SIGINT') => {
    nowMs = atMs
    source.emit(signal, signal)
  }
  return { source, stop, codes, press }
}

describe('signals to stop', () => {
  it('the first one asks to drain', () => {
    const { codes, press, stop } = setup()
    assert.equal(stop.signal.aborted, false)
    press(1000)
    assert.equal(stop.signal.aborted, true)
    assert.deepEqual(codes, [])
  })

  it('a second press stops at once with the code of its signal', () => {
    const { codes, press } = setup()
    press(1000)
    press(2000)
    assert.deepEqual(codes, [130])
    const other = setup()
    other.press(1000, 'SIGTERM')
    other.press(2000, 'SIGTERM')
    assert.deepEqual(other.codes, [143])
  })

  it('one press that arrives twice, from the terminal and from npm, counts once', () => {
    const { codes, press } = setup()
    press(1000)
    press(1005)
    press(1300)
    assert.deepEqual(codes, [])
    press(2000)
    assert.deepEqual(codes, [130])
  })

  it('a process that no longer listens is stopped by the system again', () => {
    const { source, stop } = setup()
    stop[Symbol.dispose]()
    assert.equal(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM'), 0)
  })
})
