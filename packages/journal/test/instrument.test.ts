import assert from 'node:assert/strict'
import { it } from 'node:test'
import { silentLogger, systemClock } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import { createJournal, processHints } from '../src/index.ts'
import { note, noted, setup } from './setup.ts'

it('whoever traces is around every call of the handler of a reader and of a tail', async () => {
  await using bench = await setup('pglite')
  const { ctx, db } = bench
  const traced: string[] = []
  const instrument = async <T>(reader: string, events: number, run: () => Promise<T>): Promise<T> => {
    const outcome = await run()
    traced.push(`${reader} ${events}`)
    return outcome
  }
  const deps = { db, hints: processHints(), log: silentLogger, clock: systemClock, instrument }
  const journal = createJournal({ events: [noted] }, deps)
  await using reader = journal.reader({ name: 'reader', from: 'start' }, async () => undefined)
  await using tail = journal.tail({ name: 'tail' }, async () => undefined)
  await tail.ready
  await db.transaction(ctx, async (tx) => journal.append(ctx, tx, note(1)))
  await eventually(() => traced.length === 2)
  assert.deepEqual(traced.sort(), ['reader 1', 'tail 1'])
  await reader[Symbol.asyncDispose]()
})
