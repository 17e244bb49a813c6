import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { apiOperations, engines, type Suite, tryRouteIsolation } from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { apiCalls } from './api-calls.ts'
import { documentOf, startProgram } from './suite.ts'

/** A tenant calls its roles as it likes; and a person is one and the same in each tenant that they belong to. */
const SHARED_NAMES = ['createRole', 'addMember']

/**
 * Whose data is tried by the neighbour, who lives in the pool. The statements are the same on both engines: who lives in
 * a schema of their own is tried on one of them.
 */
const VICTIMS = { pglite: ['pooled'], postgres: ['pooled', 'placed'] } as const

for (const engine of engines) {
  describe(`every route, tried by another tenant, on ${engine}`, () => {
    let suite: Suite<Stoa>
    before(async () => {
      suite = await startProgram(engine)
    })
    after(() => suite?.[Symbol.asyncDispose]())

    for (const victim of VICTIMS[engine]) {
      test(`keeps what is ${victim}'s: 0 rows read, 0 rows written`, async () => {
        const document = await documentOf(suite)
        const report = await tryRouteIsolation({
          document,
          calls: apiCalls,
          db: () => suite.program.db,
          sharedNames: SHARED_NAMES,
          victim: suite.tenants[victim],
          asVictim: () => suite.client(victim),
          asIntruder: () => suite.client('neighbour'),
          // The last use of a key and the clicks are written a little later; a program that has stopped has written
          // them.
          settle: () => suite.restart(),
        })
        assert.deepEqual(report.problems, [])
        const guarded = apiOperations(document).filter((operation) => operation.permission !== null)
        assert.deepEqual(
          report.checked,
          guarded.map((operation) => operation.id),
        )
        assert.ok(report.sent > 10 * guarded.length, `${report.sent} requests`)
      })
    }
  })
}
