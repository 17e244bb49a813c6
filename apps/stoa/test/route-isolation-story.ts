import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { apiOperations, type Engine, type Suite, tryRouteIsolation } from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { apiCalls, forPrograms } from './api-calls.ts'
import { documentOf, startProgram } from './suite.ts'

/**
 * A tenant calls its roles as it likes; a person is one and the same in each tenant that they belong to; and so is what
 * SCIM says of itself.
 */
const SHARED_NAMES = ['createRole', 'addMember', 'createScimUser', 'getScimResourceType', 'getScimSchema']

/**
 * Has the neighbour, who lives in the pool, try everything with the data of another tenant. The statements are the same on
 * both engines: who lives in a schema of their own is tried on one of them. Each is a file of its own, because each takes
 * long.
 */
export function isolationStory(engine: Engine, victim: 'pooled' | 'placed'): void {
  describe(`every route, tried by another tenant, on ${engine}`, () => {
    let suite: Suite<Stoa>
    before(async () => {
      suite = await startProgram(engine)
    })
    after(() => suite?.[Symbol.asyncDispose]())

    test(`keeps what is ${victim}'s: 0 rows read, 0 rows written`, async () => {
      const document = forPrograms(await documentOf(suite))
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
  })
}
