import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Logger, OutageLog, silentLogger } from '@stoa/kernel'
import { TestClock } from '@stoa/testkit'

function setup() {
  const clock = new TestClock()
  const lines: { readonly message: string; readonly bindings: Record<string, unknown> }[] = []
  const log: Logger = {
    ...silentLogger,
    warn: (bindings, message) => void lines.push({ message, bindings: { ...bindings } }),
  }
  const outages = new OutageLog({ away: 'away', still: 'still away', back: 'back' }, { log, clock })
  const said = () => lines.splice(0)
  /** Fails each second. */
  const fail = async (seconds: number, err = new Error('refused')) => {
    for (let second = 0; second < seconds; second++) {
      outages.failed(err)
      await clock.advance(1_000)
    }
  }
  return { clock, fail, outages, said }
}

describe('the log of outages', () => {
  it('says that it is away, with the error; then once a minute, with the reason alone; and that it is back', async () => {
    const { fail, outages, said } = setup()
    outages.worked()
    assert.deepEqual(said(), [], 'what was never away is not back')
    const err = new Error('refused')
    await fail(60, err)
    assert.deepEqual(said(), [{ message: 'away', bindings: { err } }])
    await fail(120, err)
    const still = (failures: number, awaySeconds: number) => ({
      message: 'still away',
      bindings: { reason: 'refused', failures, awaySeconds },
    })
    assert.deepEqual(said(), [still(61, 60), still(121, 120)])
    outages.worked()
    outages.worked()
    assert.deepEqual(said(), [{ message: 'back', bindings: { failures: 180, awaySeconds: 180 } }])
  })

  it('says of what comes and goes all the time no more than once a minute', async () => {
    const { clock, outages, said } = setup()
    for (let second = 0; second < 180; second++) {
      outages.failed(new Error('refused'))
      outages.worked()
      await clock.advance(1_000)
    }
    assert.deepEqual(
      said().map(({ message }) => message),
      ['away', 'back', 'away', 'back', 'away', 'back'],
    )
  })

  it('says of a second outage within the minute when that is over, if it still lasts', async () => {
    const { fail, outages, said } = setup()
    await fail(10)
    outages.worked()
    await fail(20)
    assert.deepEqual(
      said().map(({ message }) => message),
      ['away', 'back'],
    )
    await fail(31)
    assert.deepEqual(
      said().map(({ message }) => message),
      ['away'],
    )
  })

  it('names the code of an error that has no message', async () => {
    const { fail, said } = setup()
    await fail(61, Object.assign(new Error('refused'), { message: '', code: 'ECONNREFUSED' }))
    assert.equal(said().at(-1)?.bindings.reason, 'ECONNREFUSED')
  })
})
