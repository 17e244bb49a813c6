import assert from 'node:assert/strict'
import { it } from 'node:test'
import { testCtx } from '@stoa/testkit'
import { describeOnEngines, kinds } from './setup.ts'

describeOnEngines('a task that is run', true, (suite) => {
  it('is answered with 202 and its address, and found there with its result', async () => {
    const client = suite().as(suite().tenants.pooled)
    const { body, headers, status } = await client.post('/api/v1/tasks', { kind: 'test.echo', input: { text: 'hi' } })
    assert.equal(status, 202)
    assert.equal(headers.get('location'), `/api/v1/tasks/${body.id}`)
    assert.deepEqual([body.state, body.attempt, body.createdBy], ['queued', 0, 'apiKey:test'])
    const task = await client.task(body.id, 'done')
    assert.deepEqual([task.result, task.attempt, task.failures, task.runAt], [{ text: 'hi' }, 1, 0, null])
    assert.deepEqual(task.createdAt, body.createdAt)
  })

  it('is not started a second time by the same Idempotency-Key', async () => {
    const client = suite().as(suite().tenants.pooled)
    const ask = () =>
      client.post('/api/v1/tasks', { kind: 'test.echo', input: { text: 'once' } }, { 'idempotency-key': 'one' })
    const first = await ask()
    const second = await ask()
    assert.deepEqual([second.status, second.body], [202, first.body])
    assert.equal(second.headers.get('idempotent-replayed'), 'true')
  })

  it('that fails for good is dead; what the program threw stays with the program, what has words is told', async () => {
    const client = suite().as(suite().tenants.pooled)
    const ask = async (how: string) =>
      (await client.post('/api/v1/tasks', { kind: 'test.fail', input: { how } })).body.id
    const failed = await client.task(await ask('error'), 'dead')
    assert.deepEqual(failed.failure, { reason: 'error', message: 'An error of the program. Its log says more.' })
    const cancelled = await client.task(await ask('cancel'), 'cancelled')
    assert.deepEqual(cancelled.failure, { reason: 'cancelled', message: 'nobody wants it' })
  })

  it('is cancelled while it runs', async () => {
    const client = suite().as(suite().tenants.pooled)
    const { id } = (await client.post('/api/v1/tasks', { kind: 'test.wait', input: {} })).body
    await client.task(id, 'running')
    const { body, status } = await client.post(`/api/v1/tasks/${id}/cancellation`)
    assert.deepEqual([status, body.cancelRequested], [200, true])
    await client.task(id, 'cancelled')
  })
})

describeOnEngines('a task that waits', false, (suite) => {
  const later = '2099-01-02T03:04:05.000Z'
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()

  it('is scheduled for a time, run at once by a retry, and cancelled', async () => {
    const client = suite().as(suite().tenants.pooled)
    const runAt = inAnHour()
    const { body } = await client.post('/api/v1/tasks', { kind: 'test.echo', input: { text: '' }, runAt })
    assert.deepEqual([body.state, body.runAt], ['scheduled', runAt])
    assert.deepEqual((await client.get(`/api/v1/tasks/${body.id}`)).body, body)
    assert.equal((await client.post(`/api/v1/tasks/${body.id}/retry`)).body.state, 'queued')
    assert.equal((await client.post(`/api/v1/tasks/${body.id}/retry`)).body.state, 'queued')
    assert.equal((await client.post(`/api/v1/tasks/${body.id}/redrive`)).body.code, 'job_not_finished')
    const cancelled = await client.post(`/api/v1/tasks/${body.id}/cancellation`)
    assert.deepEqual([cancelled.body.state, cancelled.body.failure.reason], ['cancelled', 'cancelled'])
    assert.equal((await client.post(`/api/v1/tasks/${body.id}/cancellation`)).body.code, 'job_finished')
    const again = await client.post(`/api/v1/tasks/${body.id}/redrive`)
    assert.deepEqual([again.status, again.body.state], [200, 'queued'])
  })

  it('is refused with a problem when its kind or its input is wrong', async () => {
    const client = suite().as(suite().tenants.pooled)
    const refused = async (body: object) => {
      const { body: problem, status } = await client.post('/api/v1/tasks', body)
      return [status, problem.code, ...(problem.errors ?? []).map((field: { pointer: string }) => field.pointer)]
    }
    assert.deepEqual(await refused({ kind: 'test.ecco', input: {} }), [404, 'job_kind_unknown'])
    assert.deepEqual(await refused({ kind: 'test.hidden', input: {} }), [404, 'job_kind_unknown'])
    assert.deepEqual(await refused({ kind: 'test.echo', input: { text: 7 } }), [
      422,
      'job_input_invalid',
      '/body/input/text',
    ])
    assert.deepEqual(
      await refused({ kind: 'test.echo', input: { text: 'x'.repeat(200_000), more: 1 } }).then((r) => r[1]),
      'job_input_invalid',
    )
    assert.deepEqual(await refused({ kind: 'test.echo', input: { text: '\u0000' } }), [
      422,
      'validation_failed',
      '/body/input/text',
    ])
    assert.deepEqual(await refused({ kind: 'test.echo', input: { text: 'é'.repeat(150_000) } }), [
      413,
      'job_input_too_large',
    ])
    assert.deepEqual(await refused({ kind: 'test.echo', input: { text: 'x'.repeat(5_000_000) } }), [
      413,
      'payload_too_large',
    ])
    assert.deepEqual(await refused({ kind: 'test.echo', input: { text: '' }, runAt: later }), [
      422,
      'validation_failed',
      '/body/runAt',
    ])
    assert.deepEqual(await refused({ kind: 'test.echo', input: { text: '' }, runAt: '2099-01-02' }), [
      422,
      'validation_failed',
      '/body/runAt',
    ])
  })

  it('of a unique kind is the one that is there already', async () => {
    const client = suite().as(suite().tenants.pooled)
    const ask = () => client.post('/api/v1/tasks', { kind: 'test.single', input: { name: 'a' }, runAt: inAnHour() })
    const first = await ask()
    const second = await ask()
    assert.deepEqual([second.status, second.body], [202, first.body])
  })

  it('is listed by state and kind, the newest first, page by page', async () => {
    const { neighbour } = suite().tenants
    const client = suite().as(neighbour)
    const ids: string[] = []
    for (const text of ['a', 'b', 'c']) {
      ids.unshift((await client.post('/api/v1/tasks', { kind: 'test.echo', input: { text } })).body.id)
    }
    const single = await client.post('/api/v1/tasks', { kind: 'test.single', input: { name: 'x' }, runAt: inAnHour() })
    const listed = async (query: string) => {
      const { body } = await client.get(`/api/v1/tasks?${query}`)
      return { ids: body.data.map(({ id }: { id: string }) => id), cursor: body.nextCursor }
    }
    assert.deepEqual((await listed('')).ids, [single.body.id, ...ids])
    assert.deepEqual((await listed('state=queued')).ids, ids)
    assert.deepEqual((await listed('state=queued&state=scheduled&kind=test.single')).ids, [single.body.id])
    const first = await listed('kind=test.echo&limit=2')
    assert.deepEqual(first.ids, ids.slice(0, 2))
    const rest = await listed(`kind=test.echo&limit=2&cursor=${first.cursor}`)
    assert.deepEqual([rest.ids, rest.cursor], [ids.slice(2), null])
  })

  it('of the program itself is nobody’s task', async () => {
    const { pooled } = suite().tenants
    const client = suite().as(pooled)
    const { queue } = suite()
    const id = await queue.add(testCtx({ tenant: pooled }), kinds.hidden, {})
    for (const answer of [
      await client.get(`/api/v1/tasks/${id}`),
      await client.post(`/api/v1/tasks/${id}/cancellation`),
      await client.post(`/api/v1/tasks/${id}/redrive`),
    ]) {
      assert.deepEqual([answer.status, answer.body.code], [404, 'job_not_found'])
    }
    const { body } = await client.get('/api/v1/tasks?limit=100')
    assert.ok(!body.data.some((task: { id: string }) => task.id === id))
  })

  it('needs the permission of its kind, to be asked for and to be run again', async () => {
    const { pooled } = suite().tenants
    const owner = suite().as(pooled)
    const writer = suite().as(pooled, 'jobs:write', 'jobs:read')
    const wanted = { kind: 'test.echo', input: { text: '' }, runAt: inAnHour() }
    const refused = await writer.post('/api/v1/tasks', wanted)
    assert.deepEqual([refused.status, refused.body.code], [403, 'forbidden'])
    const { id } = (await owner.post('/api/v1/tasks', wanted)).body
    assert.equal((await writer.post(`/api/v1/tasks/${id}/retry`)).status, 403)
    assert.equal((await writer.post(`/api/v1/tasks/${id}/cancellation`)).status, 200)
    assert.equal((await writer.post(`/api/v1/tasks/${id}/redrive`)).status, 403)
    const reader = suite().as(pooled, 'jobs:read')
    assert.equal((await reader.post('/api/v1/tasks', wanted)).status, 403)
    const shown = (await reader.get('/api/v1/task-kinds')).body.data
    assert.deepEqual(
      shown.map((one: { kind: string; allowed: boolean }) => [one.kind, one.allowed]),
      [
        ['test.echo', false],
        ['test.fail', false],
        ['test.single', false],
        ['test.wait', false],
      ],
    )
    assert.equal(shown[0].inputSchema.properties.text.type, 'string')
  })

  it('of another tenant is not there', async () => {
    const { neighbour, placed, pooled } = suite().tenants
    const { id } = (await suite().as(pooled).post('/api/v1/tasks', { kind: 'test.wait', input: {} })).body
    for (const stranger of [neighbour, placed]) {
      const client = suite().as(stranger)
      for (const answer of [
        await client.get(`/api/v1/tasks/${id}`),
        await client.post(`/api/v1/tasks/${id}/cancellation`),
        await client.post(`/api/v1/tasks/${id}/retry`),
        await client.post(`/api/v1/tasks/${id}/redrive`),
      ]) {
        assert.deepEqual([answer.status, answer.body.code], [404, 'job_not_found'])
      }
    }
    assert.equal((await suite().as(pooled).get(`/api/v1/tasks/${id}`)).body.state, 'queued')
  })
})
