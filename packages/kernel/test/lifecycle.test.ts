import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Clock, Resources, systemClock } from '@stoa/kernel'
import fc from 'fast-check'

/** A clock on which only a sleep of 7 ms ever ends, at once. */
const sevenMs: Clock = { now: () => 0, sleep: (ms) => (ms === 7 ? Promise.resolve() : new Promise(() => {})) }

function setup(clock: Clock = systemClock) {
  const resources = new Resources({ clock })
  const closed: string[] = []
  const add = (name: string, more: () => unknown = () => {}, timeoutMs?: number) => {
    const close = async () => {
      closed.push(name)
      await more()
    }
    resources.add(name, close, timeoutMs)
  }
  const dispose = () => resources[Symbol.asyncDispose]()
  return { resources, closed, add, dispose }
}

describe('Resources', () => {
  it('closes in the reverse order of opening, each after the one before it is done', async () => {
    const { add, closed, dispose } = setup()
    add('database')
    add('journal', async () => {
      await systemClock.sleep(1)
      closed.push('journal is done')
    })
    add('http')
    await dispose()
    assert.deepEqual(closed, ['http', 'journal', 'journal is done', 'database'])
  })

  it('closes sync and async disposables, and gives back what it takes charge of', async () => {
    const { resources, closed, dispose } = setup()
    const sync = { [Symbol.dispose]: () => void closed.push('sync') }
    const async = { [Symbol.asyncDispose]: async () => void closed.push('async') }
    assert.equal(resources.use(sync), sync)
    assert.equal(resources.use(async, 'async'), async)
    await dispose()
    assert.deepEqual(closed, ['async', 'sync'])
  })

  it('works with await using', async () => {
    const closed: string[] = []
    {
      await using resources = new Resources()
      resources.add('one', () => closed.push('one'))
    }
    assert.deepEqual(closed, ['one'])
  })

  it('closes the others when some fail, and then throws all the reasons with the names', async () => {
    const { add, closed, dispose } = setup()
    const reason = new Error('connection lost')
    add('database', () => {
      throw reason
    })
    add('journal')
    add('http', () => Promise.reject('odd'))
    await assert.rejects(dispose(), (thrown) => {
      assert.ok(thrown instanceof AggregateError)
      assert.match(thrown.message, /^2 of 3 resources did not close cleanly: /)
      assert.deepEqual(
        thrown.errors.map((error: Error) => error.message),
        ["closing 'http': odd", "closing 'database': connection lost"],
      )
      assert.equal(thrown.errors[1].cause, reason)
      return true
    })
    assert.deepEqual(closed, ['http', 'journal', 'database'])
  })

  it('gives up a resource that hangs, and goes on to the next', async () => {
    const { add, closed, dispose } = setup(sevenMs)
    add('database')
    add('http', () => new Promise(() => {}), 7)
    await assert.rejects(dispose(), /1 of 2 .* closing 'http': not closed within 7 ms/)
    assert.deepEqual(closed, ['http', 'database'])
  })

  it('survives a resource that fails after it was given up', async () => {
    const { add, dispose } = setup(sevenMs)
    const late = Promise.withResolvers<void>()
    add('http', () => late.promise, 7)
    await assert.rejects(dispose(), AggregateError)
    late.reject(new Error('too late'))
    await systemClock.sleep(1)
  })

  it('gives each resource its own deadline, and stops the timer when it closes in time', async () => {
    const asked: [ms: number, signal: AbortSignal | null | undefined][] = []
    const clock: Clock = {
      now: () => 0,
      sleep: (ms, signal) => {
        asked.push([ms, signal])
        return new Promise(() => {})
      },
    }
    const resources = new Resources({ clock, closeTimeoutMs: 500 })
    resources.add('quick', () => {})
    resources.add('slow', () => {}, 60_000)
    await resources[Symbol.asyncDispose]()
    assert.deepEqual(
      asked.map(([ms, signal]) => [ms, signal?.aborted]),
      [
        [60_000, true],
        [500, true],
      ],
    )
  })

  it('does nothing on a second dispose but wait for the first, which alone gets the errors', async () => {
    const { add, closed, dispose } = setup()
    const gate = Promise.withResolvers<void>()
    add('http', async () => {
      await gate.promise
      throw new Error('broken')
    })
    const first = dispose()
    const second = dispose().then(() => closed.push('second is back'))
    gate.resolve()
    await assert.rejects(first, /broken/)
    await second
    await dispose()
    assert.deepEqual(closed, ['http', 'second is back'])
  })

  it('refuses new resources once closing has begun, because nobody would close them', async () => {
    const { resources, dispose } = setup()
    assert.equal(resources.closed, false)
    const closing = dispose()
    assert.equal(resources.closed, true)
    assert.throws(() => resources.add('late', () => {}), /'late': the resources are closed/)
    assert.throws(() => resources.use({ [Symbol.dispose]: () => {} }, 'late'), /closed/)
    await closing
  })

  it('refuses a deadline below one millisecond', () => {
    assert.throws(() => new Resources({ closeTimeoutMs: 0 }), RangeError)
    assert.throws(() => new Resources().add('x', () => {}, Number.NaN), RangeError)
  })

  it('closes each resource exactly once, in reverse, whichever of them fail', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 12 }), async (fails) => {
        const { add, closed, dispose } = setup()
        for (const [index, bad] of fails.entries()) {
          add(String(index), () => {
            if (bad) throw new Error('bad')
          })
        }
        const failed = fails.filter(Boolean).length
        const outcome = await dispose().then(
          () => 0,
          (error: AggregateError) => error.errors.length,
        )
        assert.equal(outcome, failed)
        assert.deepEqual(closed, [...fails.keys()].reverse().map(String))
      }),
    )
  })
})
