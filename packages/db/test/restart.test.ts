import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newId, StoaError, systemCtx, tenantCtx } from '@stoa/kernel'
import { type PostgresServer, startPostgres } from '@stoa/testkit/servers'
import { databaseIncarnation, openPostgres, statement } from '../src/index.ts'
import { deps, withNotes } from './engines.ts'

const insertNote = statement<[tenantId: string, id: number], never>('insert into notes (tenant_id, id) values ($1, $2)')
const noteIds = statement<[], { id: number }>('select id from notes order by id')

const WRITERS = 8
/** An orderly restart, and a crash. */
const ROUNDS = [
  async (server: PostgresServer): Promise<void> => server.restart(),
  async (server: PostgresServer): Promise<void> => {
    await server.kill()
    await server.restart()
  },
]

describe('PostgreSQL that goes away under load', () => {
  test('fails requests as unavailable, comes back by itself, and keeps every acknowledged write', {
    timeout: 240_000,
  }, async () => {
    await using server = await startPostgres()
    await using db = await withNotes(await openPostgres({ url: server.url, poolSize: 4, acquireTimeoutMs: 500 }, deps))
    const ctx = tenantCtx(systemCtx(deps, 'test'), { id: newId(), slug: 'load', schema: 'stoa_pool' })
    const acknowledged = new Set<number>()
    const failures: unknown[] = []
    let next = 0
    let stopped = false

    const writer = async (): Promise<void> => {
      while (!stopped) {
        const id = next++
        await db
          .transaction(ctx, (tx) => tx.run(insertNote(ctx.tenant.id, id)))
          .then(
            () => acknowledged.add(id),
            (error) => failures.push(error),
          )
      }
    }
    /** Resolves once that many more writes were acknowledged. */
    const progress = async (count: number): Promise<void> => {
      const target = acknowledged.size + count
      while (acknowledged.size < target) await db.read(ctx, (tx) => tx.many(noteIds())).catch(() => undefined)
    }

    const lives = new Set([await db.admin(databaseIncarnation), await db.admin(databaseIncarnation)])
    assert.equal(lives.size, 1)
    const writers = Array.from({ length: WRITERS }, writer)
    try {
      for (const round of ROUNDS) {
        await progress(50)
        const failedBefore = failures.length
        await round(server)
        await progress(50)
        assert.ok(failures.length > failedBefore, 'the server was away and nothing failed')
        lives.add(await db.admin(databaseIncarnation))
      }
      assert.equal(lives.size, 1 + ROUNDS.length, 'a server that started anew may have been put back from a copy')
    } finally {
      stopped = true
      await Promise.all(writers)
    }

    const kept = new Set((await db.read(ctx, (tx) => tx.many(noteIds()))).map((note) => note.id))
    const lost = [...acknowledged].filter((id) => !kept.has(id))
    assert.deepEqual(lost, [])
    for (const failure of failures) {
      assert.ok(failure instanceof StoaError && failure.code === 'unavailable' && failure.retryable, String(failure))
    }
    assert.equal(db.usage().waiting, 0)
  })
})
