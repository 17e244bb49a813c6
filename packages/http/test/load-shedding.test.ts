import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { describe, test } from 'node:test'
import { getHeapStatistics } from 'node:v8'
import { type Logger, silentLogger } from '@stoa/kernel'
import { eventually, TestClock } from '@stoa/testkit'
import { Type } from 'typebox'
import { defineRoute, type HttpOptions } from '../src/index.ts'
import { LoadGuard, type LoadLimits, type LoadSample } from '../src/load.ts'
import { memoryOf, resolveHttpOptions } from '../src/options.ts'
import { type Answer, openApp, send } from './setup.ts'

const CALM: LoadSample = { eventLoopDelayMs: 0, heapUsedBytes: 1000, rssBytes: 2000 }
const NO_LIMITS: LoadLimits = {
  maxConcurrentRequests: 0,
  maxEventLoopDelayMs: 0,
  maxHeapUsedBytes: 0,
  maxRssBytes: 0,
}

/** An application whose one handler waits until it is let go. */
async function setup(options: HttpOptions = {}, more: { readonly log?: Logger; readonly clock?: TestClock } = {}) {
  let waiting: (() => void)[] = []
  const entered: (() => void)[] = []
  const route = (operationId: string, handler: () => Promise<null>) =>
    defineRoute({
      method: 'GET',
      url: `/${operationId}`,
      operationId,
      tags: ['test'],
      summary: 'Waits',
      permission: null,
      schema: { response: { 204: Type.Null() } },
      handler,
    })
  const http = await openApp(
    [
      route('hold', async () => {
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          entered.shift()?.()
        })
        return null
      }),
      route('quick', async () => null),
      route('fail', async () => {
        throw new Error('broken')
      }),
    ],
    options,
    more,
  )
  return {
    http,
    get: (url: string) => send(http, null, { url }),
    /** Sends a request, and comes back when it is in its handler. */
    held(): Promise<{ readonly answer: Promise<Answer> }> {
      const inside = Promise.withResolvers<void>()
      entered.push(inside.resolve)
      const answer = send(http, null, { url: '/hold' })
      return inside.promise.then(() => ({ answer }))
    },
    letGo() {
      for (const resolve of waiting) resolve()
      waiting = []
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  }
}

function assertShed(answer: Answer): void {
  assert.equal(answer.status, 503, answer.text)
  assert.equal(answer.body.code, 'overloaded')
  assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/)
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/)
  assert.equal(answer.headers['x-request-id'], answer.body.requestId)
}

/** Asks again until it is answered so: the load is sampled four times a second. */
const until = (ask: () => Promise<Answer>, status: number): Promise<Answer> =>
  eventually(ask, (answer) => answer.status === status)

describe('too many requests at once', () => {
  test('are refused with Retry-After, exactly beyond the limit, and served again afterwards', async () => {
    await using app = await setup({ maxConcurrentRequests: 2 })
    const first = await app.held()
    const second = await app.held()
    assertShed(await app.get('/quick'))
    assertShed(await app.get('/hold'))
    app.letGo()
    assert.equal((await first.answer).status, 204)
    assert.equal((await second.answer).status, 204)
    assert.equal((await app.get('/quick')).status, 204)
  })

  test('are counted right when handlers fail', async () => {
    await using app = await setup({ maxConcurrentRequests: 1 })
    for (let index = 0; index < 5; index++) assert.equal((await app.get('/fail')).status, 500)
    assert.equal((await app.get('/quick')).status, 204)
  })

  test('leave health answered, and what does not exist is not there as ever: both cost nothing', async () => {
    await using app = await setup({ maxConcurrentRequests: 1 })
    const held = await app.held()
    assert.equal((await app.get('/health/live')).status, 200)
    assert.equal((await app.get('/health/ready')).status, 200)
    assert.equal((await app.get('/nothing')).status, 404)
    app.letGo()
    await held.answer
  })

  test('are logged once a second, not once each', async () => {
    const clock = new TestClock()
    let lines = 0
    const log: Logger = { ...silentLogger, warn: () => void lines++, child: () => log }
    await using app = await setup({ maxConcurrentRequests: 1 }, { log, clock })
    const held = await app.held()
    for (let index = 0; index < 10; index++) assertShed(await app.get('/quick'))
    assert.equal(lines, 1)
    await clock.advance(1000)
    for (let index = 0; index < 10; index++) assertShed(await app.get('/quick'))
    assert.equal(lines, 2)
    app.letGo()
    await held.answer
  })
})

describe('a process that is short of something', () => {
  for (const [what, limits, sample] of [
    ['its event loop is late', { maxEventLoopDelayMs: 100 }, { eventLoopDelayMs: 101 }],
    ['its heap is nearly full', { maxHeapUsedBytes: 5000 }, { heapUsedBytes: 5001 }],
    ['its memory is beyond the limit', { maxRssBytes: 5000 }, { rssBytes: 5001 }],
  ] as const) {
    test(`refuses work when ${what}, and takes it again when that is over`, async () => {
      let now: LoadSample = { ...CALM, ...sample }
      await using app = await setup({ ...NO_LIMITS, ...limits, measureLoad: () => now })
      assertShed(await until(() => app.get('/quick'), 503))
      assert.equal((await app.get('/health/live')).status, 200)
      now = CALM
      await until(() => app.get('/quick'), 204)
    })
  }

  test('is not short of what has no limit', () => {
    using load = new LoadGuard(NO_LIMITS, () => ({ eventLoopDelayMs: 1e9, heapUsedBytes: 1e15, rssBytes: 1e15 }))
    load.running = 1e6
    load.sample()
    assert.equal(load.overloaded, null)
  })

  test('says what it is short of', () => {
    const sample = { ...CALM, heapUsedBytes: 10 }
    using load = new LoadGuard({ ...NO_LIMITS, maxHeapUsedBytes: 9, maxConcurrentRequests: 2 }, () => sample)
    load.sample()
    assert.equal(load.overloaded, 'heap_used')
    load.running = 2
    assert.equal(load.overloaded, 'concurrent_requests')
  })

  test('measures itself: a loop that is blocked again and again is late', async () => {
    using load = new LoadGuard({ ...NO_LIMITS, maxEventLoopDelayMs: 40 })
    const deadline = AbortSignal.timeout(30_000)
    while (load.overloaded === null) {
      deadline.throwIfAborted()
      const end = performance.now() + 120
      while (performance.now() < end);
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    assert.equal(load.overloaded, 'event_loop_delay')
  })

  test('has limits for its heap and its memory below what it may have, unless told otherwise', () => {
    const { maxHeapUsedBytes, maxRssBytes } = resolveHttpOptions({})
    assert.ok(maxHeapUsedBytes > 0 && maxHeapUsedBytes < getHeapStatistics().heap_size_limit)
    assert.ok(maxRssBytes > 0 && maxRssBytes < totalmem())
    const none = resolveHttpOptions({ maxHeapUsedBytes: 0, maxRssBytes: 0 })
    assert.deepEqual([none.maxHeapUsedBytes, none.maxRssBytes], [0, 0])
  })

  test('may have what its container may, and all that the machine has when nothing is set', () => {
    assert.equal(memoryOf(512, 4096), 512)
    for (const nothingSet of [0, 2 ** 64, 4096]) assert.equal(memoryOf(nothingSet, 4096), 4096)
  })
})
