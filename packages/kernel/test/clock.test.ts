import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '@stoa/kernel'

describe('systemClock', () => {
  it('shows the time of the machine', () => {
    const before = Date.now()
    const now = systemClock.now()
    assert.ok(now >= before && now <= Date.now())
  })

  it('rejects a sleep at once with the reason of a signal that has aborted', async () => {
    const reason = new Error('shutting down')
    await assert.rejects(systemClock.sleep(60_000, AbortSignal.abort(reason)), reason)
  })

  it('rejects a sleep with the reason as soon as the signal aborts', async () => {
    const stop = new AbortController()
    const sleeping = systemClock.sleep(60_000, stop.signal)
    stop.abort('enough')
    await assert.rejects(sleeping, (reason) => reason === 'enough')
  })

  it('does not fire at once when asked to sleep longer than a timer can', async () => {
    const stop = new AbortController()
    let woke = false
    const sleeping = systemClock.sleep(2 ** 40, stop.signal).then(
      () => {
        woke = true
      },
      () => {},
    )
    await systemClock.sleep(2)
    stop.abort()
    await sleeping
    assert.equal(woke, false)
  })

  it('takes zero and negative delays as the next turn', async () => {
    await systemClock.sleep(0)
    await systemClock.sleep(-1, null)
  })
})
