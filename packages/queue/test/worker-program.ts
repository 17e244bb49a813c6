// A process that works on the database given as its first argument until it is killed. It says what it starts, and when it
// was refused. Jobs of `test.stuck` never end; the first attempt at one of `test.leak` ends the process, at one of
// `test.block` holds it up; jobs of `test.count` write their number once, in the transaction that finishes them, and jobs
// of `test.append` write theirs by themselves.
import { openPostgres } from '@stoa/db'
import { silentLogger, systemClock } from '@stoa/kernel'
import { createQueue } from '../src/index.ts'
import { appending, blocking, counting, leaking, stuck } from './effects.ts'

const deps = { log: silentLogger, clock: systemClock }
const [url = '', deadAfterMs = '1500'] = process.argv.slice(2)
const db = await openPostgres({ url, poolSize: 4, acquireTimeoutMs: 1_000 }, deps)
const queue = createQueue(
  { jobs: [stuck, blocking, leaking, counting(db), appending(db)] },
  {
    ...{ ...deps, db },
    observe: (signal) => {
      if (signal.kind === 'started') process.send?.(signal.id)
      if (signal.kind === 'stale') process.send?.('stale')
    },
  },
)
const work = async (): Promise<unknown> =>
  queue.work({ pollMs: 50, heartbeatMs: 100, deadAfterMs: Number(deadAfterMs), drainMs: 1_000 }).catch(work)
await work()
process.send?.('ready')
