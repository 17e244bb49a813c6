import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Clock, errors, StoaError } from '@stoa/kernel'
import { type CheckResult, createHealth, createLogger, type HealthOptions } from '@stoa/telemetry'

function setup(options: HealthOptions = {}) {
  const time = { nowMs: 1_000_000 }
  const waits: { ms: number; end: () => void }[] = []
  const clock: Clock = {
    now: () => time.nowMs,
    sleep: (ms) =>
      new Promise((resolve) => {
        waits.push({ ms, end: resolve })
      }),
  }
  const logged: string[] = []
  const log = createLogger({ destination: { write: (line) => logged.push(line) } })
  const health = createHealth(options, { log, clock })
  let runs = 0
  const add = (name: string, answer: CheckResult | Promise<CheckResult> = { ok: true }) =>
    health.add(name, async () => {
      runs += 1
      return answer
    })
  return { health, add, time, waits, logged, runs: () => runs }
}

describe('live', () => {
  it('is answered by the process alone', () => {
    const { health, add, time, runs } = setup()
    add('database', { ok: false })
    time.nowMs += 5999
    assert.deepEqual(health.live(), { ok: true, uptimeSeconds: 5 })
    assert.equal(runs(), 0)
  })
})

describe('ready', () => {
  it('is ok without checks, and when every check is', async () => {
    const { health, add } = setup()
    assert.deepEqual(await health.ready(), { ok: true, draining: false, checks: {} })
    add('database', { ok: true, durability: 'process crash, not power loss' })
    const { ok, checks } = await health.ready()
    assert.equal(ok, true)
    const { latencyMs, ...rest } = checks.database ?? { latencyMs: -1 }
    assert.deepEqual(rest, { ok: true, durability: 'process crash, not power loss' })
    assert.ok(latencyMs >= 0)
  })

  it('is not ok when one check is not, and still tells about the others', async () => {
    const { health, add } = setup()
    add('database')
    add('redis', { ok: false, detail: 'replica is 40 s behind' })
    const { ok, checks } = await health.ready()
    assert.equal(ok, false)
    assert.equal(checks.database?.ok, true)
    assert.equal(checks.redis?.detail, 'replica is 40 s behind')
  })

  it('tells the public text of a failure, and the rest to the log only', async () => {
    const { health, logged } = setup()
    health.add('plain', () => Promise.reject(new Error('password authentication failed for 10.0.0.5')))
    health.add('own', () => Promise.reject(new StoaError(errors.unavailable, { context: { host: '10.0.0.6' } })))
    health.add('sync', () => {
      throw new Error('at once')
    })
    const { ok, checks } = await health.ready()
    assert.equal(ok, false)
    assert.equal(checks.plain?.detail, 'failed; the log says why')
    assert.equal(checks.own?.detail, errors.unavailable.message)
    assert.equal(checks.sync?.ok, false)
    assert.match(logged.join(''), /10\.0\.0\.5.*\n.*10\.0\.0\.6/s)
  })

  it('cuts credentials out of a detail', async () => {
    const { health, add } = setup()
    add('database', { ok: false, detail: 'no answer from postgres://me:hunter2@db/stoa' })
    assert.equal((await health.ready()).checks.database?.detail, 'no answer from postgres://[redacted]@db/stoa')
  })

  it('answers for a check that hangs after its own time-out, and tells the check to stop', async () => {
    const { health, waits } = setup({ timeoutMs: 500 })
    const signals: AbortSignal[] = []
    const hang = (signal: AbortSignal) => {
      signals.push(signal)
      return new Promise<never>(() => {})
    }
    health.add('slow', hang)
    health.add('slower', hang, { timeoutMs: 50 })
    const answer = health.ready()
    assert.deepEqual(
      waits.map((wait) => wait.ms),
      [500, 50],
    )
    for (const wait of waits) wait.end()
    const { checks } = await answer
    assert.deepEqual([checks.slow?.ok, checks.slow?.detail], [false, 'no answer within 500 ms'])
    assert.equal(checks.slower?.detail, 'no answer within 50 ms')
    assert.deepEqual(
      signals.map((signal) => signal.aborted),
      [true, true],
    )
  })

  it('takes anything but ok: true as not ok', async () => {
    const { health } = setup()
    health.add('vague', async () => ({}) as CheckResult)
    assert.equal((await health.ready()).ok, false)
  })

  it('runs the checks at most once a second, however many ask', async () => {
    const { health, add, time, runs } = setup()
    add('database')
    await Promise.all(Array.from({ length: 50 }, () => health.ready()))
    assert.equal(runs(), 1)
    time.nowMs += 999
    await health.ready()
    assert.equal(runs(), 1)
    time.nowMs += 1
    await health.ready()
    assert.equal(runs(), 2)
  })

  it('runs them again when the clock was set back, instead of trusting an old result', async () => {
    const { health, add, time, runs } = setup()
    add('database')
    await health.ready()
    time.nowMs -= 3_600_000
    await health.ready()
    assert.equal(runs(), 2)
  })

  it('shares one run between all who come while it goes on', async () => {
    const { health, add, runs } = setup({ cacheMs: 0 })
    const gate = Promise.withResolvers<CheckResult>()
    add('database', gate.promise)
    const answers = [health.ready(), health.ready(), health.ready()]
    gate.resolve({ ok: true })
    for (const answer of await Promise.all(answers)) assert.equal(answer.ok, true)
    assert.equal(runs(), 1)
    await health.ready()
    assert.equal(runs(), 2)
  })

  it('knows a check that is added later at once', async () => {
    const { health, add } = setup()
    await health.ready()
    add('redis', { ok: false })
    assert.equal((await health.ready()).ok, false)
  })

  it('is not ok from the moment of draining, though every check is', async () => {
    const { health, add } = setup()
    add('database')
    assert.equal((await health.ready()).ok, true)
    health.drain()
    const { ok, draining, checks } = await health.ready()
    assert.deepEqual([ok, draining, checks.database?.ok], [false, true, true])
    assert.equal(health.live().ok, true)
  })

  it('refuses two checks of one name, and a cache that would be stale', () => {
    const { health, add } = setup()
    add('database')
    assert.throws(() => health.add('database', async () => ({ ok: true })), /check 'database' already/)
    assert.throws(() => createHealth({ cacheMs: 1001 }), /cacheMs must be between 0 and 1000/)
  })
})
