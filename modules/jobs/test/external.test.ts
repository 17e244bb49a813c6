import assert from 'node:assert/strict'
import { it } from 'node:test'
import { eventually, inTime } from '@stoa/testkit'
import type { ClaimedTask } from '../src/contract.ts'
import { follow } from './event-source.ts'
import { describeOnEngines, type Suite, startSuite } from './setup.ts'

const SCHEMA = {
  type: 'object',
  required: ['n'],
  properties: { n: { type: 'integer' } },
  additionalProperties: false,
}
let names = 0

/** A tenant with a kind of its own, and a worker. */
async function workshop(suite: Suite, more: object = {}, tenant: keyof Suite['tenants'] = 'pooled') {
  const slug = suite.tenants[tenant]
  const owner = suite.as(slug)
  const worker = suite.as(slug, 'jobs:work')
  const kind = `test.outside_${++names}`
  const declare = (change: object = {}) =>
    worker.post('/api/v1/task-kinds', { kind, inputSchema: SCHEMA, ...more, ...change })
  const { status } = await declare()
  assert.equal(status, 200)
  const ask = async (n = 1): Promise<string> => {
    const { body } = await owner.post('/api/v1/tasks', { kind, input: { n } })
    return body.id
  }
  const claim = async (change: object = {}): Promise<ClaimedTask[]> => {
    const { body, status: answered } = await worker.post('/api/v1/task-claims', { kinds: [kind], ...change })
    assert.equal(answered, 200, JSON.stringify(body))
    return body.data
  }
  const claimed = async (): Promise<ClaimedTask> => {
    const [task] = await claim({ waitSeconds: 30 })
    return task ?? assert.fail('nothing was claimed')
  }
  /** `outcome(task, 'completion', { result: 1 })` */
  const say = ({ attempt, id }: Pick<ClaimedTask, 'id' | 'attempt'>, what: string, body: object = {}) =>
    worker.post(`/api/v1/tasks/${id}/${what}`, { attempt, ...body })
  return { owner, worker, kind, declare, ask, claim, claimed, say }
}

describeOnEngines('a worker outside', true, (suite) => {
  it('claims a task, says how far it is, and ends it; who follows the task is told everything', async () => {
    const { ask, claimed, kind, owner, say } = await workshop(suite())
    const id = await ask(7)
    await using stream = await follow(`${suite().url}/api/v1/tasks/${id}/events`, 'pooled *')
    const task = await claimed()
    assert.deepEqual([task.id, task.kind, task.attempt, task.input], [id, kind, 1, { n: 7 }])
    assert.ok(new Date(task.leaseUntil) < new Date(task.endsAt))
    const beat = await say(task, 'heartbeat', { progress: { fraction: 0.5, note: 'half' } })
    assert.deepEqual([beat.status, beat.body.cancelRequested, beat.body.endsAt], [200, false, task.endsAt])
    assert.ok(beat.body.leaseUntil >= task.leaseUntil)
    const running = (await owner.get(`/api/v1/tasks/${id}`)).body
    assert.deepEqual([running.state, running.progress], ['running', { fraction: 0.5, note: 'half' }])
    assert.deepEqual((await say(task, 'completion', { result: { n: 8 } })).status, 204)
    const messages = await stream.closed
    assert.deepEqual(
      messages.map(({ data }) => data.event.type),
      ['task.queued', 'task.started', 'task.progress', 'task.done'],
    )
    const { attempt, result } = messages.at(-1)?.data.event.data ?? {}
    assert.deepEqual([attempt, result], [1, { n: 8 }])
    const done = (await owner.get(`/api/v1/tasks/${id}`)).body
    assert.deepEqual([done.state, done.result, done.attempt], ['done', { n: 8 }, 1])
  })

  it('fails a task in words: it comes again when the worker says so, or never', async () => {
    const { ask, claimed, owner, say } = await workshop(suite())
    const id = await ask()
    const put = await say(await claimed(), 'failure', { message: 'busy', code: 'busy', retryAfterSeconds: 0 })
    assert.deepEqual([put.status, put.body.state, put.body.failures], [200, 'scheduled', 1])
    assert.deepEqual(put.body.failure, { reason: 'reported', message: 'busy', code: 'busy' })
    const again = await claimed()
    assert.deepEqual([again.id, again.attempt], [id, 2])
    const dead = await say(again, 'failure', { message: 'hopeless', retry: false })
    assert.deepEqual([dead.body.state, dead.body.failure.message], ['dead', 'hopeless'])
    assert.equal((await owner.post(`/api/v1/tasks/${id}/redrive`)).body.state, 'queued')
    assert.deepEqual([(await claimed()).attempt], [3])
  })

  it('that falls silent loses the task to another one, and what it says then is refused and changes nothing', async () => {
    const { ask, claimed, owner, say } = await workshop(suite())
    const id = await ask()
    const silent = await claimed()
    await suite().db.admin((session) => session.exec("update stoa.job_leases set until = now() - interval '1 second'"))
    const second = await claimed()
    assert.deepEqual([second.id, second.attempt], [id, 2])
    for (const what of ['heartbeat', 'completion', 'failure']) {
      const { body, status } = await say(silent, what, what === 'failure' ? { message: 'late' } : {})
      assert.deepEqual([status, body.code], [409, 'job_attempt_stale'])
      assert.match(body.detail, /Attempt 1 is over: the job was given to attempt 2\./)
    }
    assert.equal((await owner.get(`/api/v1/tasks/${id}`)).body.state, 'running')
    assert.equal((await say(second, 'completion')).status, 204)
    assert.match((await say(second, 'completion')).body.detail, /done already/)
  })

  it('may say the end again under its Idempotency-Key', async () => {
    const { ask, claimed, worker } = await workshop(suite())
    await ask()
    const { attempt, id } = await claimed()
    const end = () =>
      worker.post(`/api/v1/tasks/${id}/completion`, { attempt, result: 1 }, { 'idempotency-key': `${id}-${attempt}` })
    assert.equal((await end()).status, 204)
    const again = await end()
    assert.deepEqual([again.status, again.headers.get('idempotent-replayed')], [204, 'true'])
  })

  it('learns by its heartbeat that somebody wants the task cancelled; it is, when the worker says that it stopped', async () => {
    const { ask, claimed, owner, say } = await workshop(suite())
    const id = await ask()
    const task = await claimed()
    assert.equal((await owner.post(`/api/v1/tasks/${id}/cancellation`)).body.cancelRequested, true)
    assert.equal((await say(task, 'heartbeat')).body.cancelRequested, true)
    assert.equal((await say(task, 'failure', { message: 'stopped' })).body.state, 'cancelled')
  })
})

describeOnEngines('a worker outside that claims', false, (suite) => {
  it('shares no task with another one', async () => {
    const { ask, claim } = await workshop(suite())
    const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(n)))
    const taken: string[] = []
    const work = async () => {
      for (let tasks = await claim({ limit: 3 }); tasks.length > 0; tasks = await claim({ limit: 3, waitSeconds: 1 })) {
        taken.push(...tasks.map(({ id }) => id))
      }
    }
    await Promise.all([work(), work()])
    assert.deepEqual(taken.toSorted(), ids.toSorted())
  })

  it('gets what it has claimed again under the same key, and nobody else does', async () => {
    const { ask, claim, kind, owner, say } = await workshop(suite())
    await ask(1)
    await ask(2)
    const key = { claimKey: 'first' }
    // Twice at once: as a client does that gave up waiting for the first answer.
    const both = await Promise.all([claim(key), claim(key)])
    const [task] = both[0] ?? []
    assert.ok(task)
    const names = (tasks: readonly ClaimedTask[]) => tasks.map(({ attempt, id, input }) => [id, attempt, input])
    assert.deepEqual(both.map(names), [names([task]), names([task])])
    const [again] = await claim(key)
    assert.deepEqual([again?.id, again?.attempt], [task.id, 1])
    assert.ok((again?.leaseUntil ?? '') >= task.leaseUntil)
    const other = await owner.post('/api/v1/task-claims', { kinds: [kind], ...key, limit: 5 })
    assert.equal(other.body.data.length, 1)
    assert.notEqual(other.body.data[0].id, task.id)
    const started = await suite().db.admin((session) =>
      session.query("select 1 from stoa.events where type = 'task.started' and $1 = any (subjects)", [
        `task:${task.id}`,
      ]),
    )
    assert.equal(started.length, 1)
    assert.equal((await say(task, 'completion')).status, 204)
    assert.deepEqual(await claim(key), [])
  })

  it('gets what came for the first claim when it was asked for twice and the first answer was lost', async () => {
    const { ask, claim } = await workshop(suite())
    const key = { claimKey: 'lost', waitSeconds: 30 }
    const waiting = await suite().waitingClaims()
    const first = claim(key)
    await eventually(suite().waitingClaims, (count) => count === waiting + 1)
    const second = claim(key)
    await eventually(suite().waitingClaims, (count) => count === waiting + 2)
    const id = await ask()
    const both = await inTime(Promise.all([first, second]), 'the claims')
    assert.deepEqual(
      both.flat().map((task) => [task.id, task.attempt]),
      [
        [id, 1],
        [id, 1],
      ],
    )
  })

  it('waits without holding anything, and is woken by the task', async () => {
    const { ask, claim } = await workshop(suite())
    // More than there are connections to the database.
    const waiting = Array.from({ length: 12 }, () => claim({ waitSeconds: 30 }))
    const ids = await Promise.all(waiting.map((_, n) => ask(n)))
    const tasks = (await inTime(Promise.all(waiting), 'the claims')).flat()
    assert.deepEqual(tasks.map(({ id }) => id).toSorted(), ids.toSorted())
  })

  it('is woken by a task that was asked for at another node', async () => {
    const { claim, kind } = await workshop(suite())
    await using second = await suite().second()
    const waiting = claim({ waitSeconds: 30 })
    const client = second.as(second.tenants.pooled)
    const { id } = (await client.post('/api/v1/tasks', { kind, input: { n: 1 } })).body
    assert.deepEqual(
      (await waiting).map((task) => task.id),
      [id],
    )
  })

  it('gets an empty list when nothing comes, and when it asks for no kind in a tenant that has none', async () => {
    const { claim } = await workshop(suite())
    assert.deepEqual(await claim({ waitSeconds: 1 }), [])
    const { body, status } = await suite().as(suite().tenants.neighbour).post('/api/v1/task-claims', {})
    assert.deepEqual([status, body.data], [200, []])
  })

  it('finds out in words what it asks for wrongly', async () => {
    const { ask, claim, kind, say, worker } = await workshop(suite())
    const refused = async (body: object) => {
      const answer = await worker.post('/api/v1/task-claims', body)
      return [answer.status, answer.body.code, answer.body.detail ?? '']
    }
    const typo = await refused({ kinds: [kind.replace('outside', 'otuside')] })
    assert.deepEqual(typo.slice(0, 2), [404, 'job_kind_unknown'])
    assert.match(String(typo[2]), new RegExp(`did you mean '${kind}'\\?$`))
    assert.match(String((await refused({ kinds: ['test.echo'] }))[2]), /run by the program itself/)
    for (const nonsense of [
      { kinds: [] },
      { limit: 0 },
      { limit: 51 },
      { waitSeconds: 31 },
      { waitSeconds: 'x' },
      { more: 1 },
    ]) {
      assert.deepEqual((await refused(nonsense)).slice(0, 2), [422, 'validation_failed'], JSON.stringify(nonsense))
    }
    await ask()
    const [task] = await claim()
    assert.ok(task)
    for (const [what, body] of [
      ['heartbeat', { progress: { fraction: 1.5 } }],
      ['heartbeat', { progress: { fraction: 0.5, note: 'x'.repeat(201) } }],
      ['failure', {}],
      ['failure', { message: '', retryAfterSeconds: -1 }],
      ['completion', { attempt: 'one' }],
      ['completion', { attempt: 2 ** 40 }],
    ] as const) {
      assert.equal((await say(task, what, body)).status, 422, `${what} ${JSON.stringify(body)}`)
    }
    const later = await say({ ...task, attempt: 2 }, 'completion')
    assert.deepEqual([later.status, later.body.code], [409, 'job_attempt_stale'])
    const nobody = await say({ ...task, id: '019b76da-a800-7000-8000-000000000001' }, 'completion')
    assert.deepEqual([nobody.status, nobody.body.code], [404, 'job_not_found'])
  })

  it('cannot leave a result that is too large, and still holds the task then', async () => {
    const { ask, claim, say } = await workshop(suite())
    await ask()
    const [task] = await claim()
    assert.ok(task)
    const large = await say(task, 'completion', { result: 'x'.repeat(5_000_000) })
    assert.deepEqual([large.status, large.body.code], [413, 'payload_too_large'])
    const tooLarge = await say(task, 'completion', { result: 'x'.repeat(300_000) })
    assert.deepEqual([tooLarge.status, tooLarge.body.code], [413, 'job_result_too_large'])
    const most = 'x'.repeat(262_142)
    assert.equal((await say(task, 'completion', { result: most })).status, 204)
  })

  it('does not end a task that the program runs, nor one of its own that nobody has claimed', async () => {
    const { ask, owner, say } = await workshop(suite())
    const { id } = (await owner.post('/api/v1/tasks', { kind: 'test.wait', input: {} })).body
    for (const [task, why] of [
      [id, /run by the program itself/],
      [await ask(), /no attempt 1: the last one is 0/],
    ] as const) {
      const { body, status } = await say({ id: task, attempt: 1 }, 'completion')
      assert.deepEqual([status, body.code], [409, 'job_attempt_stale'])
      assert.match(body.detail, why)
    }
  })

  it('sees, claims and ends nothing of another tenant', async () => {
    const { ask, claim, kind, owner, say } = await workshop(suite())
    await ask(1)
    await ask(2)
    const [task] = await claim()
    assert.ok(task)
    for (const stranger of ['neighbour', 'placed'] as const) {
      const client = suite().as(suite().tenants[stranger])
      assert.equal((await client.get(`/api/v1/task-kinds/${kind}`)).status, 404)
      assert.equal((await client.send('DELETE', `/api/v1/task-kinds/${kind}`)).status, 404)
      assert.equal((await client.post('/api/v1/task-claims', { kinds: [kind] })).status, 404)
      // A kind of the same name is another one.
      const own = await client.post('/api/v1/task-kinds', { kind, inputSchema: {} })
      assert.equal(own.status, 200)
      assert.deepEqual((await client.post('/api/v1/task-claims', { kinds: [kind], limit: 9 })).body.data, [])
      for (const what of ['heartbeat', 'completion', 'failure']) {
        const said: object = { attempt: task.attempt, ...(what === 'failure' && { message: 'x' }) }
        assert.equal((await client.post(`/api/v1/tasks/${task.id}/${what}`, said)).status, 404)
      }
    }
    assert.equal((await say(task, 'completion')).status, 204)
    assert.equal((await claim()).length, 1)
    assert.equal((await owner.get(`/api/v1/task-kinds/${kind}`)).body.inputSchema.type, 'object')
  })

  it('needs jobs:work, and no more', async () => {
    const { ask, kind, worker } = await workshop(suite())
    const id = await ask()
    const other = suite().as(suite().tenants.pooled, 'jobs:read', 'jobs:write')
    assert.equal((await other.post('/api/v1/task-kinds', { kind, inputSchema: {} })).status, 403)
    assert.equal((await other.send('DELETE', `/api/v1/task-kinds/${kind}`)).status, 403)
    assert.equal((await other.post('/api/v1/task-claims', { kinds: [kind] })).status, 403)
    for (const what of ['heartbeat', 'completion', 'failure']) {
      assert.equal((await other.post(`/api/v1/tasks/${id}/${what}`, { attempt: 1, message: 'x' })).status, 403)
    }
    assert.equal((await worker.post('/api/v1/tasks', { kind, input: { n: 1 } })).status, 403)
    assert.equal((await worker.get(`/api/v1/tasks/${id}`)).status, 403)
  })
})

describeOnEngines('a kind that a tenant declares', false, (suite) => {
  it('is listed, changed by saying it again, and removed; each change is an event', async () => {
    const { ask, claim, declare, kind, owner, worker } = await workshop(suite(), { timeoutSeconds: 60, retries: 2 })
    const { body } = await owner.get(`/api/v1/task-kinds/${kind}`)
    assert.deepEqual(body, {
      ...{ kind, description: '', permission: 'jobs:write', external: true, allowed: true },
      ...{ timeoutSeconds: 60, leaseSeconds: 60, retries: 2, maxInputBytes: 262_144, inputSchema: SCHEMA },
    })
    const all = (await owner.get('/api/v1/task-kinds')).body.data
    assert.deepEqual(
      all.filter((one: { external: boolean }) => !one.external).map((one: { kind: string }) => one.kind),
      ['test.echo', 'test.fail', 'test.single', 'test.wait'],
    )
    assert.deepEqual(
      all.find((one: { kind: string }) => one.kind === kind),
      body,
    )
    await declare()
    assert.equal((await declare({ leaseSeconds: 5, description: 'Counts.' })).body.leaseSeconds, 5)
    await ask()
    const gone = await worker.send('DELETE', `/api/v1/task-kinds/${kind}`)
    assert.deepEqual([gone.status, gone.body], [204, null])
    const unknown = await owner.post('/api/v1/tasks', { kind, input: { n: 1 } })
    assert.deepEqual([unknown.status, unknown.body.code], [404, 'job_kind_unknown'])
    await declare()
    assert.equal((await claim()).length, 1)
    const rows = await suite().db.admin((session) =>
      session.query<{ type: string }>('select type from stoa.events where $1 = any (subjects) order by id', [
        `task_kind:${kind}`,
      ]),
    )
    assert.deepEqual(
      rows.map(({ type }) => type.replace('task_kind.', '')),
      ['declared', 'declared', 'removed', 'declared'],
    )
  })

  it('refuses input that does not fit its schema, and names the place', async () => {
    const { kind, owner } = await workshop(suite(), { maxInputBytes: 100 })
    const refused = async (input: unknown) => {
      const { body, status } = await owner.post('/api/v1/tasks', { kind, input })
      return [status, body.code, ...(body.errors ?? []).map((field: { pointer: string }) => field.pointer)]
    }
    assert.deepEqual(await refused({ n: 'x' }), [422, 'job_input_invalid', '/body/input/n'])
    assert.deepEqual(await refused({}), [422, 'job_input_invalid', '/body/input/n'])
    assert.deepEqual(await refused(null), [422, 'job_input_invalid', '/body/input'])
    assert.deepEqual(await refused({ n: 1, more: 1 }), [422, 'job_input_invalid', '/body/input/more'])
    const { kind: free } = await workshop(suite(), { inputSchema: {}, maxInputBytes: 100 })
    const large = await owner.post('/api/v1/tasks', { kind: free, input: 'x'.repeat(200) })
    assert.deepEqual([large.status, large.body.code], [413, 'job_input_too_large'])
  })

  it('is not one of the program, and not nonsense', async () => {
    const { declare } = await workshop(suite())
    const refused = async (change: object) => {
      const { body, status } = await declare(change)
      return [status, body.code, body.errors?.[0]?.pointer]
    }
    assert.deepEqual(await refused({ kind: 'test.echo' }), [409, 'task_kind_taken', undefined])
    assert.deepEqual(await refused({ kind: 'test.hidden' }), [409, 'task_kind_taken', undefined])
    for (const [change, place] of [
      [{ kind: 'single' }, '/body/kind'],
      [{ kind: 'Test.Kind' }, '/body/kind'],
      [{ kind: `a.${'b'.repeat(100)}` }, '/body/kind'],
      [{ inputSchema: 7 }, '/body/inputSchema'],
      [{ inputSchema: { pattern: '(a+)+$' } }, '/body/inputSchema/pattern'],
      [{ inputSchema: { type: 'strnig' } }, '/body/inputSchema'],
      [{ leaseSeconds: 1 }, '/body/leaseSeconds'],
      [{ timeoutSeconds: 86_401 }, '/body/timeoutSeconds'],
      [{ retries: -1 }, '/body/retries'],
    ] as const) {
      assert.deepEqual(await refused(change), [422, 'validation_failed', place], JSON.stringify(change))
    }
  })

  it('is one of at most a thousand', async () => {
    const { neighbour } = suite().tenants
    await suite().db.admin((session) =>
      session.exec(`insert into stoa_pool.task_kinds
select '${neighbour.id}', 'many.k' || n, '', '{}', 1000, 1000, 0, 100, 1, now(), now() from generate_series(1, 1000) n`),
    )
    const client = suite().as(neighbour)
    const declare = (kind: string) => client.post('/api/v1/task-kinds', { kind, inputSchema: {} })
    const { body, status } = await declare('many.more')
    assert.deepEqual([status, body.code], [409, 'too_many_task_kinds'])
    assert.equal((await declare('many.k7')).status, 200)
  })
})

describeOnEngines('a server that stops', false, (suite) => {
  it('sends workers away that wait for tasks, with nothing', async () => {
    const own = await startSuite(suite().db.engine)
    const { claim } = await workshop(own)
    const waiting = claim({ waitSeconds: 30 })
    await eventually(own.waitingClaims, (count) => count === 1)
    await own[Symbol.asyncDispose]()
    assert.deepEqual(await waiting, [])
  })

  it('lets no more wait than it may', async () => {
    await using own = await startSuite(suite().db.engine, { room: { maxWaitingClaimsPerTenant: 1 } })
    const { ask, claim, worker } = await workshop(own)
    const waiting = claim({ waitSeconds: 30 })
    await eventually(own.waitingClaims, (count) => count === 1)
    const { body, status } = await worker.post('/api/v1/task-claims', { waitSeconds: 30 })
    assert.deepEqual([status, body.code], [429, 'too_many_connections'])
    await ask()
    assert.equal((await waiting).length, 1)
  })
})
