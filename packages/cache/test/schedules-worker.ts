/**
 * Runs schedules until one is violated. In a thread, because the test runner follows every promise of its own, and here
 * are millions.
 */
import { randomBytes } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { Redis } from 'ioredis'
import { ChangeLog } from '../src/change-log.ts'
import { DropLog } from '../src/drop-log.ts'
import { STORE } from '../src/redis-scripts.ts'
import { batching } from './batching.ts'
import { runSchedule, type ScheduleOptions } from './schedule.ts'

/** What is broken on purpose. */
export type Sabotage = 'blind memory' | 'blind Redis' | 'blind faith'

/** What the thread is told. */
export interface SchedulesJob {
  readonly redisUrl: string | null
  readonly schedules: number
  readonly steps: number
  readonly firstSeed: number
  readonly sabotage: Sabotage | null
}

// More at once would be more garbage that lives for long.
const AT_ONCE = 50
const { firstSeed, redisUrl, sabotage, schedules, steps } = workerData as SchedulesJob
const client = redisUrl === null ? null : new Redis(redisUrl)

// A cache that stores in memory whatever was dropped meanwhile.
if (sabotage === 'blind memory') DropLog.prototype.droppedSince = () => false
// One that believes Redis, whatever it knows better.
if (sabotage === 'blind faith' || sabotage === 'blind Redis') ChangeLog.prototype.allSeen = () => true

const options: Omit<ScheduleOptions, 'seed'> = {
  redis: client && batching(client),
  prefix: `test:${randomBytes(6).toString('hex')}:`,
  processes: 2,
  steps,
  ...(sabotage === 'blind Redis' && {
    // KEYS entry, drops, lease; ARGV epoch, moment …: one that stores in Redis whatever was dropped meanwhile.
    tamper: (args) => {
      if (args[0] === STORE.sha || args[0] === STORE.text) args[6] = '9007199254740991'
    },
  }),
}

let next = 0
let violation: string | null = null
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (next < schedules && violation === null) {
      const found = await runSchedule({ ...options, seed: (firstSeed + next++) >>> 0 })
      violation ??= found
    }
  }),
)
client?.disconnect()
parentPort?.postMessage({ violation, ran: next })
