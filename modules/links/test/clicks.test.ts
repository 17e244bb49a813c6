import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { errors, StoaError, silentLogger, type Tenant } from '@stoa/kernel'
import { NO_AGENT } from '../src/analytics/visitor-agent.ts'
import { type Click, Clicks } from '../src/clicks/clicks.ts'

const acme: Tenant = { id: 'a', slug: 'acme', schema: 'stoa_pool' }
const other: Tenant = { id: 'b', slug: 'other', schema: 'stoa_t_other' }

function click(tenant: Tenant = acme): Click {
  return {
    number: 1,
    tenant,
    link: Buffer.alloc(16),
    at: 0,
    agent: NO_AGENT,
    referrerHost: null,
    language: null,
    address: null,
  }
}

/** A clock that only moves when told, and a database that answers as told. */
function setup(options: { buffer?: number; batch?: number } = {}) {
  const sleepers: { ms: number; wake: () => void }[] = []
  const clock = {
    now: () => 0,
    sleep: (ms: number, signal?: AbortSignal | null) =>
      new Promise<void>((resolve, reject) => {
        sleepers.push({ ms, wake: resolve })
        signal?.addEventListener('abort', () => reject(signal.reason))
      }),
  }
  const written: { tenant: Tenant; clicks: readonly Click[] }[] = []
  const faults: unknown[] = []
  const clicks = new Clicks({
    buffer: options.buffer ?? 1_000,
    flushMs: 100,
    batch: options.batch ?? 500,
    clock,
    log: silentLogger,
    write: async (tenant, batch) => {
      const fault = faults.shift()
      if (fault !== undefined) throw fault
      written.push({ tenant, clicks: batch })
    },
  })
  const wake = async () => {
    const sleeper = sleepers.shift()
    assert.ok(sleeper, 'nobody sleeps')
    sleeper.wake()
    await setImmediate()
    return sleeper.ms
  }
  return { clicks, written, faults, wake }
}

describe('clicks', () => {
  it('wait for others and are written together', async () => {
    const { clicks, written, wake } = setup()
    clicks.record(click())
    clicks.record(click())
    assert.equal(written.length, 0)
    assert.equal(await wake(), 100)
    assert.deepEqual(
      written.map((batch) => batch.clicks.length),
      [2],
    )
    assert.deepEqual(clicks.counts, { recorded: 2, dropped: 0, waiting: 0, droppedAt: null })
  })

  it('are written before their time when there are enough of them', async () => {
    const { clicks, written } = setup({ batch: 3 })
    for (let i = 0; i < 3; i++) clicks.record(click())
    await setImmediate()
    assert.equal(written.length, 1)
  })

  it('of different tenants go in different transactions', async () => {
    const { clicks, written, wake } = setup()
    for (const tenant of [acme, other, acme]) clicks.record(click(tenant))
    await wake()
    assert.deepEqual(
      written.map((batch) => [batch.tenant.slug, batch.clicks.length]),
      [
        ['acme', 2],
        ['other', 1],
      ],
    )
  })

  it('beyond the buffer are dropped and counted, those being written included', () => {
    const { clicks } = setup({ buffer: 2 })
    for (let i = 0; i < 5; i++) clicks.record(click())
    assert.deepEqual(clicks.counts, { recorded: 0, dropped: 3, waiting: 2, droppedAt: 0 })
  })

  it('stay while the database is away, and the pauses grow', async () => {
    const { clicks, written, faults, wake } = setup()
    for (let i = 0; i < 8; i++) faults.push(new StoaError(errors.unavailable))
    clicks.record(click())
    const pauses: number[] = []
    for (let i = 0; i < 9; i++) pauses.push(await wake())
    assert.deepEqual(pauses, [100, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
    assert.equal(written.length, 1)
    assert.deepEqual(clicks.counts, { recorded: 1, dropped: 0, waiting: 0, droppedAt: null })
  })

  it('that arrive during a pause do not shorten it', async () => {
    const { clicks, written, faults, wake } = setup({ batch: 2 })
    faults.push(new StoaError(errors.unavailable))
    clicks.record(click())
    await wake()
    clicks.record(click())
    clicks.record(click())
    await setImmediate()
    assert.equal(written.length, 0)
    await wake()
    assert.equal(written[0]?.clicks.length, 3)
  })

  it('that are refused for good are given up after five attempts and do not hold up others', async () => {
    const { clicks, written, faults, wake } = setup()
    clicks.record(click(acme))
    clicks.record(click(other))
    faults.push(new Error('refused'))
    await wake()
    assert.deepEqual(
      written.map((batch) => batch.tenant.slug),
      ['other'],
    )
    for (let i = 0; i < 4; i++) {
      faults.push(new Error('refused'))
      await wake()
    }
    assert.deepEqual(clicks.counts, { recorded: 1, dropped: 1, waiting: 0, droppedAt: 0 })
  })

  it('are written on closing without waiting; later ones are dropped', async () => {
    const { clicks, written } = setup()
    clicks.record(click())
    await clicks[Symbol.asyncDispose]()
    assert.equal(written.length, 1)
    clicks.record(click())
    assert.deepEqual(clicks.counts, { recorded: 1, dropped: 1, waiting: 0, droppedAt: 0 })
  })

  it('that cannot be written on closing are counted as dropped, and closing ends', async () => {
    const { clicks, faults } = setup()
    faults.push(new StoaError(errors.unavailable))
    clicks.record(click())
    await clicks[Symbol.asyncDispose]()
    assert.deepEqual(clicks.counts, { recorded: 0, dropped: 1, waiting: 0, droppedAt: 0 })
  })
})
