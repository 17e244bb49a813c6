// A process of its own: it puts the ids of its process ahead.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newId, systemClock } from '@stoa/kernel'
import type { RealtimeOptions } from '@stoa/realtime'
import { engines } from '@stoa/testkit'
import { follow, type TestStream } from './event-source.ts'
import { type Suite, startSuite } from './setup.ts'

const DAY_MS = 86_400_000
const LIFE = ['task.queued', 'task.started', 'task.done']

for (const engine of engines) {
  describe(`following a task on ${engine}`, () => {
    async function setup(realtime: RealtimeOptions = {}) {
      const suite = await startSuite(engine, { realtime })
      const client = suite.as(suite.tenants.pooled)
      const ask = async (kind = 'test.echo', input: object = { text: 'hi' }) =>
        (await client.post('/api/v1/tasks', { kind, input })).body.id as string
      const at = (id: string, node: Suite = suite) => `${node.url}/api/v1/tasks/${id}/events`
      return { suite, client, ask, at, [Symbol.asyncDispose]: () => suite[Symbol.asyncDispose]() }
    }

    it('tells what has happened and what comes, in order, and ends with the task', async () => {
      await using bench = await setup()
      const { ask, at, suite } = bench
      const id = await ask()
      await using stream = await follow(at(id), 'pooled *')
      assert.deepEqual(
        ['content-type', 'x-accel-buffering', 'cache-control'].map((name) => stream.headers[name]),
        ['text/event-stream; charset=utf-8', 'no', 'no-store, no-transform'],
      )
      await stream.holds(() => stream.types().length === 1)
      await suite.work()
      const messages = await stream.closed
      assert.deepEqual(stream.types(), LIFE)
      const { channel, event } = messages.at(-1)?.data ?? {}
      assert.equal(channel, `task:${id}`)
      assert.deepEqual(event.data, { kind: 'test.echo', attempt: 1, result: { text: 'hi' }, resultOmitted: false })
      assert.equal(messages.at(-1)?.id, event.position)
      assert.match(stream.text, /^retry: \d+\n\n/)
    })

    it('begins at its beginning, though the clock was ahead once and its id is from there', async () => {
      await using bench = await setup()
      const { ask, at, suite } = bench
      newId({ ...systemClock, now: () => systemClock.now() + 40 * DAY_MS })
      const id = await ask()
      await using stream = await follow(at(id), 'pooled *')
      await stream.holds(() => stream.types().length === 1)
      await suite.work()
      await stream.closed
      assert.deepEqual(stream.types(), LIFE)
    })

    it('that has ended tells all of it, and 204 to whoever has seen the end', async () => {
      await using bench = await setup()
      const { ask, at, client, suite } = bench
      await suite.work()
      const id = await ask()
      await client.task(id, 'done')
      await using late = await follow(at(id), 'pooled *')
      const messages = await late.closed
      assert.deepEqual(late.types(), LIFE)
      await using again = await follow(at(id), 'pooled *', { 'last-event-id': messages.at(-1)?.id ?? '' })
      await again.closed
      assert.deepEqual([again.status, again.text], [204, ''])
      await using rest = await follow(`${at(id)}?position=${messages[0]?.id}`, 'pooled *')
      await rest.closed
      assert.deepEqual(rest.types(), LIFE.slice(1))
    })

    it('goes on at another node from the last id, without a gap and without a repeat', async () => {
      await using bench = await setup()
      const { ask, at, client, suite } = bench
      await using second = await suite.second()
      const id = await ask('test.wait', {})
      const first = await follow(at(id), 'pooled *')
      await first.holds(() => first.types().length === 1)
      first.cut()
      await suite.work()
      await client.task(id, 'running')
      await using then = await follow(at(id, second), 'pooled *', { 'last-event-id': first.messages[0]?.id ?? '' })
      await then.holds(() => then.types().length === 1)
      await client.post(`/api/v1/tasks/${id}/cancellation`)
      await then.closed
      assert.deepEqual(then.types(), ['task.started', 'task.cancelled'])
    })

    it('by an id that nobody has given out is told so, and everything', async () => {
      await using bench = await setup()
      const { ask, at, client, suite } = bench
      await suite.work()
      const id = await ask()
      await client.task(id, 'done')
      for (const forged of ['nonsense', '18446744073709551615.9', '1', '-1.2', "'; drop table"]) {
        await using stream = await follow(at(id), 'pooled *', { 'last-event-id': forged })
        await stream.closed
        assert.deepEqual(stream.types(), ['resync', ...LIFE], forged)
      }
    })

    it('that is made new goes on', async () => {
      await using bench = await setup()
      const { at, client, suite } = bench
      const runAt = new Date(Date.now() + 3_600_000).toISOString()
      const { id } = (await client.post('/api/v1/tasks', { kind: 'test.echo', input: { text: '' }, runAt })).body
      await client.post(`/api/v1/tasks/${id}/cancellation`)
      await using stream = await follow(at(id), 'pooled *')
      await stream.closed
      await client.post(`/api/v1/tasks/${id}/redrive`)
      await using next = await follow(at(id), 'pooled *', { 'last-event-id': stream.messages.at(-1)?.id ?? '' })
      await suite.work()
      await next.closed
      assert.deepEqual([stream.types(), next.types()], [['task.queued', 'task.cancelled'], LIFE])
    })

    it('that fails says why, in words that are meant for callers', async () => {
      await using bench = await setup()
      const { ask, at, suite } = bench
      await suite.work()
      await using stream = await follow(at(await ask('test.fail', { how: 'error' })), 'pooled *')
      await stream.closed
      assert.deepEqual(stream.types(), ['task.queued', 'task.started', 'task.dead'])
      const { data } = stream.messages.at(-1)?.data.event ?? {}
      assert.deepEqual(data.failure, { reason: 'error', message: 'An error of the program. Its log says more.' })
    })

    it('with a result that is too large for an event says so', async () => {
      await using bench = await setup()
      const { ask, at, client, suite } = bench
      await suite.work()
      const text = 'x'.repeat(20_000)
      const id = await ask('test.echo', { text })
      await using stream = await follow(at(id), 'pooled *')
      await stream.closed
      const { result, resultOmitted } = stream.messages.at(-1)?.data.event.data ?? {}
      assert.deepEqual([result, resultOmitted], [null, true])
      assert.deepEqual((await client.task(id, 'done')).result, { text })
    })

    it('is refused to strangers, without the permission, and beyond the limit', async () => {
      await using bench = await setup({ maxConnectionsPerTenant: 1 })
      const { ask, at } = bench
      const id = await ask()
      const problemOf = async (stream: TestStream) => {
        await stream.closed
        return [stream.status, JSON.parse(stream.text).code]
      }
      await using foreign = await follow(at(id), 'neighbour *')
      assert.deepEqual(await problemOf(foreign), [404, 'job_not_found'])
      await using forbidden = await follow(at(id), 'pooled jobs:write')
      assert.equal(forbidden.status, 403)
      await using open = await follow(at(id), 'pooled *')
      assert.equal(open.status, 200)
      await using beyond = await follow(at(id), 'pooled *')
      assert.deepEqual(await problemOf(beyond), [429, 'too_many_connections'])
      assert.match(beyond.headers['retry-after'] ?? '', /^([1-9]|1[01])$/)
    })

    it('ends when the process stops, and says when to come back', async () => {
      const bench = await setup()
      const { ask, at } = bench
      await using stream = await follow(at(await ask()), 'pooled *')
      await stream.holds(() => stream.types().length === 1)
      await bench[Symbol.asyncDispose]()
      await stream.closed
      assert.deepEqual(stream.types(), ['task.queued', 'close'])
    })

    it('or all of them: what happens to the tenant’s tasks, and to nobody else’s', async () => {
      await using bench = await setup()
      const { ask, suite } = bench
      await using all = await follow(`${suite.url}/api/v1/tasks/events`, 'pooled *')
      await all.holds(() => all.types().includes('open'))
      const stranger = suite.as(suite.tenants.neighbour)
      await stranger.post('/api/v1/tasks', { kind: 'test.echo', input: { text: 'secret' } })
      const ids = [await ask(), await ask()]
      await suite.work()
      await all.holds(() => all.types().filter((type) => type === 'task.done').length === 2)
      const seen = new Set(all.messages.flatMap(({ data }) => data.event?.subjects ?? []))
      assert.deepEqual(seen, new Set(ids.map((id) => `task:${id}`)))
      const [open] = all.messages
      all.cut()
      await using again = await follow(`${suite.url}/api/v1/tasks/events?follow=false`, 'pooled *', {
        'last-event-id': open?.id ?? '',
      })
      await again.closed
      assert.equal(again.types().filter((type) => type === 'task.done').length, 2)
    })
  })
}
