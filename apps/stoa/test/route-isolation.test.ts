import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { apiOperations, engines, type Suite, type TestTenants, tryRouteIsolation } from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { apiCalls } from './api-calls.ts'
import { documentOf, startProgram } from './suite.ts'

/** Whose data, tried by whom. An intruder keeps what it copied, so nobody is a victim after having been one. */
const PAIRS: readonly [victim: keyof TestTenants, intruder: keyof TestTenants][] = [
  ['pooled', 'neighbour'],
  ['placed', 'neighbour'],
  ['pooled', 'placed'],
]

for (const engine of engines) {
  describe(`every route, tried by another tenant, on ${engine}`, () => {
    let suite: Suite<Stoa>
    before(async () => {
      suite = await startProgram(engine)
    })
    after(() => suite?.[Symbol.asyncDispose]())

    for (const [victim, intruder] of PAIRS) {
      test(`keeps what is ${victim}'s from ${intruder}: 0 rows read, 0 rows written`, async () => {
        const document = await documentOf(suite)
        const report = await tryRouteIsolation({
          document,
          calls: apiCalls,
          db: () => suite.program.db,
          victim: suite.tenants[victim],
          asVictim: () => suite.client(victim),
          asIntruder: () => suite.client(intruder),
          // The last use of a key and the clicks are written a little later; a program that has stopped has written them.
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
