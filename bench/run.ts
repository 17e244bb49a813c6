// `npm run bench [-- name … --runs=5 --seconds=5]`
//
// Measures, prints a table, and writes `bench/results/<name>.json`. Starts its own PostgreSQL and Redis, and leaves
// nothing behind. Fewer than five runs are for trying out: they are printed and not written. What is written is of a
// commit: with sources that differ from it, nothing is measured but to try it out.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cache } from './cache.ts'
import { type Bench, openServers } from './harness.ts'
import { http } from './http.ts'
import { identity } from './identity.ts'
import { journal } from './journal.ts'
import { limiter } from './limiter.ts'
import { links } from './links.ts'
import { watchOthers } from './process.ts'
import { queue } from './queue.ts'
import { realtime } from './realtime.ts'
import { changedSince, commit, table, thisMachine, writeResults } from './report.ts'
import { start } from './start.ts'

const ROOT = join(import.meta.dirname, '..')
const BENCHES: readonly Bench[] = [start, http, journal, limiter, cache, realtime, queue, links, identity]
const RUNS_WORTH_KEEPING = 5
/** A share of all cores. */
const BUSY = 0.1

/** What was asked for is not done, and its message says why. */
class Refused extends Error {}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

try {
  const { names, runs, seconds } = readOptions()
  if (runs >= RUNS_WORTH_KEEPING) assertUnchanged(commit(ROOT), 'commit them, or try them out with --runs=1')
  for (const bench of BENCHES) if (names.includes(bench.name)) await measure(bench, runs, seconds)
} catch (error) {
  console.error(error instanceof Refused ? `bench: ${error.message}` : error)
  process.exitCode = 1
}

async function measure(bench: Bench, runs: number, seconds: number): Promise<void> {
  const before = thisMachine()
  const measured = commit(ROOT)
  const othersSince = watchOthers()
  const say = (line: string) => console.error(`${bench.name}: ${line}`)
  await using servers = openServers()
  const { postgres, redis } = servers
  const rows = await bench.run({ runs, seconds, say, postgres, redis })
  const machine = { ...before, others: Number(othersSince().toFixed(3)) }
  console.log(`\n${table(rows)}\n`)
  if (machine.others > BUSY) {
    say(`others used ${Math.round(machine.others * 100)} % of the cores meanwhile: these numbers are not worth keeping`)
  }
  if (runs < RUNS_WORTH_KEEPING) return say(`not written: ${RUNS_WORTH_KEEPING} runs or more are`)
  const command = `npm run bench -- ${bench.name} --runs=${runs} --seconds=${seconds}`
  const date = new Date().toISOString()
  assertUnchanged(measured, 'the numbers above are of no commit')
  say(`written to ${writeResults(ROOT, bench.name, { machine, commit: measured, date, command, rows })}`)
}

function assertUnchanged(measured: string, advice: string): void {
  const changed = changedSince(ROOT, measured)
  if (changed.length === 0) return
  const names = changed.length > 5 ? [...changed.slice(0, 5), `${changed.length - 5} more`] : changed
  throw new Refused(`nothing is written: sources differ from the commit ${measured} (${names.join(', ')}); ${advice}`)
}

function readOptions(): { names: readonly string[]; runs: number; seconds: number } {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string', default: '5' }, seconds: { type: 'string', default: '5' } },
  })
  const known = BENCHES.map((bench) => bench.name)
  const unknown = positionals.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`there is no benchmark '${unknown}': there are ${known.join(', ')}`)
  return {
    names: positionals.length > 0 ? positionals : known,
    runs: positive('runs', values.runs),
    seconds: positive('seconds', values.seconds),
  }
}

function positive(name: string, given: string): number {
  const value = Number(given)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name} must be a whole number of at least 1, not ${given}`)
  return value
}
