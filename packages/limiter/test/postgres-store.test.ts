import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createPostgresStore, type PostgresClient, postgresSchema } from '@stoa/limiter'
import { testServerUrl } from '@stoa/testkit'
import { startPostgres } from '@stoa/testkit/servers'
import { Pool } from 'pg'

const limit = { capacity: 10, refillPerSecond: 1 }

describe('createPostgresStore', () => {
  it('refuses options that make no sense, and ones that do not exist', () => {
    const client = {} as PostgresClient
    for (const options of [
      { keepMs: 0 },
      { sweepEveryMs: 999 },
      { schema: 'a; drop' },
      { schema: 'Upper' },
      { schema: '' },
    ]) {
      assert.throws(() => createPostgresStore(client, options), RangeError, JSON.stringify(options))
    }
    assert.throws(() => createPostgresStore(client, { keep: 1 } as never), /unknown option 'keep'; there is 'schema'/)
  })
})

describe('the postgres store', () => {
  const schema = `limiter_${randomUUID().replaceAll('-', '_')}`
  let pool: Pool
  before(async () => {
    pool = new Pool({ connectionString: testServerUrl(), max: 10 })
    await pool.query(`create schema ${schema}`)
  })
  after(async () => {
    await pool.query(`drop schema ${schema} cascade`)
    await pool.end()
  })

  it('is set up by several nodes at once, and again, and keeps what is there', async () => {
    const store = createPostgresStore(pool, { schema })
    await Promise.all(Array.from({ length: 6 }, () => store.setup()))
    await store.take([{ key: 'kept', cost: 10, ...limit }])
    await pool.query(postgresSchema(schema))
    assert.equal((await store.take([{ key: 'kept', cost: 10, ...limit }])).allowed, false)
  })

  it('keeps its buckets in an UNLOGGED table', async () => {
    const { rows } = await pool.query(`select relpersistence from pg_class where oid = $1::regclass`, [
      `${schema}.limiter_buckets`,
    ])
    assert.equal(rows[0].relpersistence, 'u')
  })

  it('asks once per take, of one layer and of several', async () => {
    const asked: string[] = []
    const counting: PostgresClient = {
      query: (statement) => {
        asked.push(statement.name ?? '')
        return pool.query({ ...statement, values: statement.values ?? [] })
      },
    }
    const store = createPostgresStore(counting, { schema })
    await store.take([{ key: 'one', ...limit }])
    await store.take([
      { key: 'one', ...limit },
      { key: 'two', ...limit },
    ])
    assert.deepEqual(asked, [`${schema}.limiter_take_one`, `${schema}.limiter_take_several`])
    await createPostgresStore(counting, { schema, prepares: false }).take([{ key: 'one', ...limit }])
    assert.equal(asked[2], '')
  })

  it('sweeps buckets that have been full for keepMs, and no others', async () => {
    let nowMs = 1_000_000
    const store = createPostgresStore(pool, { schema, keepMs: 500, clock: () => nowMs })
    const keys = async () =>
      (await pool.query(`select key from ${schema}.limiter_buckets order by key`)).rows.map(({ key }) => key)
    await pool.query(`delete from ${schema}.limiter_buckets`)
    await store.take([{ key: 'busy', cost: 10, ...limit }])
    await store.take([{ key: 'idle', cost: 1, ...limit }])
    nowMs += 1500
    await store.sweep()
    assert.deepEqual(await keys(), ['busy', 'idle'])
    nowMs += 1
    await store.sweep()
    assert.deepEqual(await keys(), ['busy'])
  })

  it('lets nobody in twice while it is swept', async () => {
    const store = createPostgresStore(pool, { schema, keepMs: 1 })
    const layers = [{ key: 'swept', capacity: 50, refillPerSecond: 0.001 }]
    const answers = await Promise.all(
      Array.from({ length: 150 }, async (_, index) => {
        if (index % 5 === 0) await store.sweep()
        return store.take(layers)
      }),
    )
    assert.equal(answers.filter(({ allowed }) => allowed).length, 50)
  })

  it('counts in the time of the server, whatever the clock of the node says', async (t) => {
    t.mock.method(Date, 'now', () => 0)
    const store = createPostgresStore(pool, { schema })
    const { layers } = await store.take([{ key: 'time', cost: 10, ...limit }])
    assert.ok((layers[0]?.resetAfterMs ?? 0) > 9000)
    const { rows } = await pool.query(`select seen_ms from ${schema}.limiter_buckets where key = 'time'`)
    assert.ok(rows[0].seen_ms > 1_600_000_000_000)
  })

  it('rejects when the table is missing, and an answer that is not its own', async () => {
    await assert.rejects(createPostgresStore(pool, { schema: 'nowhere' }).take([{ key: 'a', ...limit }]), /nowhere/)
    const odd: PostgresClient = { query: async () => ({ rows: [] }) }
    await assert.rejects(createPostgresStore(odd).take([{ key: 'a', ...limit }]), /another answer than expected/)
  })

  it('begins with full buckets after a crash of the server, and works on', async () => {
    await using server = await startPostgres()
    const own = new Pool({ connectionString: server.url, max: 2 })
    own.on('error', () => undefined)
    const store = createPostgresStore(own)
    await store.setup()
    assert.equal((await store.take([{ key: 'ada', cost: 10, ...limit }])).allowed, true)
    await server.kill()
    await assert.rejects(store.take([{ key: 'ada', ...limit }]))
    await server.restart()
    assert.equal((await store.take([{ key: 'ada', cost: 10, ...limit }])).allowed, true)
    await own.end()
  })
})
