import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { newId, StoaError, systemCtx, tenantCtx } from '@stoa/kernel'
import { openPostgres, statement } from '../src/index.ts'
import { deps, openBareDatabase, withNotes } from './engines.ts'

/** What lies between a program and its server, and can lose every packet without telling either. */
async function openNetwork(url: string): Promise<{ readonly url: string; fallSilent(): void } & AsyncDisposable> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined))
    near.pipe(far).pipe(near)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((server.address() as AddressInfo).port)
  return {
    url: through.href,
    fallSilent() {
      for (const socket of sockets) socket.unpipe().pause()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const one = statement<[], { one: number }>('select 1 as one')
const slow = statement<[], { done: string }>('select pg_sleep(6.5)::text as done')

describe('PostgreSQL that falls silent', { concurrency: true }, () => {
  test('is given up once no statement can take that long, with every connection that was heard before', async () => {
    await using database = await withNotes(await openBareDatabase('postgres'))
    await using network = await openNetwork(database.url)
    await using db = await openPostgres({ url: network.url, poolSize: 4, statementTimeoutMs: 500 }, deps)
    const ctx = tenantCtx(systemCtx(deps, 'test'), { id: newId(), slug: 'silent', schema: 'stoa_pool' })
    const ask = () => db.read(ctx, (tx) => tx.one(one()))
    await Promise.all([ask(), ask(), ask(), ask()])
    assert.equal(db.usage().open, 4)

    network.fallSilent()
    await assert.rejects(
      db.transaction(ctx, (tx) => tx.one(one())),
      (error) => error instanceof StoaError && error.code === 'unavailable',
    )
    const before = performance.now()
    assert.deepEqual(await ask(), { one: 1 })
    assert.ok(performance.now() - before < 4_000, 'an old connection was believed')
  })

  test('is not taken for silent when it works: a statement may take its time where it has no time-out', async () => {
    await using database = await withNotes(await openBareDatabase('postgres'))
    await using db = await openPostgres({ url: database.url, poolSize: 1, statementTimeoutMs: 0 }, deps)
    const ctx = tenantCtx(systemCtx(deps, 'test'), { id: newId(), slug: 'slow', schema: 'stoa_pool' })
    assert.deepEqual(await db.read(ctx, (tx) => tx.one(slow())), { done: '' })
  })
})
