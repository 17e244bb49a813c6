// A process that holds the reader `r` of the database given as its first argument, and says what it was given, until it
// is killed.
import { openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { createJournal, processHints } from '../src/index.ts'
import { noted } from './setup.ts'

const deps = { log: silentLogger, clock: systemClock }
const db = await openPostgres({ url: process.argv[2] ?? '', poolSize: 3 }, deps)
const journal = createJournal({ events: [noted] }, { db, hints: processHints(), ...deps })
journal.reader({ name: 'r', from: 'start', leaseMs: 60_000, pollMs: 20, saveMs: 20 }, async (events) => {
  process.send?.(events.map((event) => event.data.n))
})
