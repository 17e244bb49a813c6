import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHealth } from '@stoa/telemetry'
import { TestClock } from '@stoa/testkit'
import { Type } from 'typebox'
import { defineRoute, type HttpOptions } from '../src/index.ts'
import { openApp } from './setup.ts'
import { lastAnswer, openWire } from './wire.ts'

/** A listening application whose handler waits until it is let go; the time stands still. */
async function setup(options: HttpOptions = {}) {
  const clock = new TestClock()
  const health = createHealth({ cacheMs: 0 }, { clock })
  const entered = Promise.withResolvers<AbortSignal>()
  const leave = Promise.withResolvers<void>()
  const hold = defineRoute({
    method: 'GET',
    url: '/hold',
    operationId: 'hold',
    tags: ['test'],
    summary: 'Waits',
    permission: null,
    schema: { response: { 200: Type.Object({ ok: Type.Boolean() }) } },
    async handler(ctx) {
      entered.resolve(ctx.signal as AbortSignal)
      await leave.promise
      return { ok: true }
    },
  })
  const quick = defineRoute({
    method: 'GET',
    url: '/quick',
    operationId: 'quick',
    tags: ['test'],
    summary: 'Answers',
    permission: null,
    schema: { response: { 200: Type.Object({ ok: Type.Boolean() }) } },
    handler: () => ({ ok: true }),
  })
  const http = await openApp([hold, quick], options, { clock, health })
  const url = await http.listen()
  return { http, url, clock, entered: entered.promise, letGo: leave.resolve }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: stoa.example\r\n\r\n`

test('a request in flight is finished, and its connection is closed with it', async () => {
  const { http, url, entered, letGo } = await setup()
  using wire = await openWire(url)
  wire.write(get('/hold'))
  await entered
  const drained = http.drain()
  letGo()
  await drained
  const answer = lastAnswer(await wire.closed)
  assert.deepEqual([answer.status, answer.body], [200, '{"ok":true}'])
})

test('nobody new is let in, and connections that do nothing are closed', async () => {
  const { http, url, entered, letGo } = await setup()
  using busy = await openWire(url)
  busy.write(get('/hold'))
  await entered
  using idle = await openWire(url)
  idle.write(get('/quick'))
  await idle.until(/"ok":true/)
  const drained = http.drain()
  await idle.closed
  await assert.rejects(openWire(url), { code: 'ECONNREFUSED' })
  letGo()
  await drained
})

test('connections on which nothing was said yet are closed too', async () => {
  const { http, url } = await setup()
  using silent = await openWire(url)
  await http.drain()
  assert.equal(await silent.closed, '')
})

test('the delay gives balancers time: not ready, still serving, and connections end after their answer', async () => {
  const { http, url, clock } = await setup({ drainDelayMs: 5_000 })
  assert.equal((await fetch(`${url}/health/ready`)).status, 200)
  const drained = http.drain()
  await clock.sleeping()
  const ready = await fetch(`${url}/health/ready`)
  assert.equal(ready.status, 503)
  assert.equal(((await ready.json()) as { draining: boolean }).draining, true)
  assert.equal((await fetch(`${url}/health/live`)).status, 200)
  using wire = await openWire(url)
  wire.write(get('/quick'))
  const answer = lastAnswer(await wire.closed)
  assert.equal(answer.status, 200)
  assert.match(answer.head, /\r\nconnection: close/)
  await clock.advance(5_000)
  await drained
  await assert.rejects(openWire(url), { code: 'ECONNREFUSED' })
})

test('a request that does not end is cut after the time-out, and its handler is told', async () => {
  const { http, url, clock, entered } = await setup({ drainTimeoutMs: 10_000 })
  using wire = await openWire(url)
  wire.write(get('/hold'))
  const signal = await entered
  const drained = http.drain()
  await clock.sleeping()
  assert.equal(signal.aborted, false)
  await clock.advance(10_000)
  await drained
  assert.equal(await wire.closed, '')
  assert.equal(signal.aborted, true)
})

test('draining twice is draining once, and disposing drains', async () => {
  const { http, url } = await setup()
  await Promise.all([http.drain(), http.drain()])
  await http[Symbol.asyncDispose]()
  await assert.rejects(openWire(url), { code: 'ECONNREFUSED' })
})

test('an application that never listened drains too, without waiting', async () => {
  const http = await openApp([], { drainDelayMs: 60_000 }, { clock: new TestClock() })
  await http.drain()
  assert.equal(http.address, null)
})
