import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { testRedisUrl } from '@stoa/testkit'
import type { Sabotage, SchedulesJob } from './schedules-worker.ts'

const SCHEDULES = 10_000
const engines = { memory: { redisUrl: null, steps: 24 }, redis: { redisUrl: testRedisUrl(), steps: 20 } }

/** What the schedules violate first, or null. Other ones in each run; a violation names its seed, which repeats it. */
async function search(engine: keyof typeof engines, sabotage: Sabotage | null): Promise<string | null> {
  const firstSeed = randomBytes(4).readUInt32BE()
  const workerData: SchedulesJob = { ...engines[engine], schedules: SCHEDULES, firstSeed, sabotage }
  const worker = new Worker(new URL('./schedules-worker.ts', import.meta.url), { workerData })
  const [{ ran, violation }] = (await once(worker, 'message')) as [{ ran: number; violation: string | null }]
  assert.ok(violation !== null || ran >= SCHEDULES)
  return violation
}

for (const engine of ['memory', 'redis'] as const) {
  it(`no read is older than what its process knew, in ${SCHEDULES} random schedules (${engine})`, async () => {
    assert.equal(await search(engine, null), null)
  })
}

describe('a cache that is broken is found out', () => {
  const stale = /gave \d+, and \d+ was known/

  it('one that stores in memory without looking at the drops', async () => {
    assert.match((await search('memory', 'blind memory')) ?? '', stale)
  })

  it('one that stores in Redis without looking at the drops', async () => {
    assert.match((await search('redis', 'blind Redis')) ?? '', stale)
  })

  it('one that believes Redis whatever it knows better', async () => {
    assert.match((await search('redis', 'blind faith')) ?? '', stale)
  })
})
