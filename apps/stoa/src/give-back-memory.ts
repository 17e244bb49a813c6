import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Clock, type Logger, type Repeating, repeat } from '@stoa/kernel'

/** A process whose event loop works for less than this share of the time is at rest. */
const AT_REST = 0.05
const LOOK_EVERY_MS = 5_000

interface AtRestDeps {
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Gives back what the start has taken, and then what each busy time has taken, once it is over. A thousand issuers that
 * are asked for their keys take 210 MB, of which 61 are left at rest (bench/results/identity.json).
 */
export function giveBackMemoryAtRest({ clock, log }: AtRestDeps, giveBack = giveBackMemory): Repeating {
  giveBack()
  let since = performance.eventLoopUtilization()
  let hasWorked = false
  const look = async () => {
    const { utilization } = performance.eventLoopUtilization(since)
    since = performance.eventLoopUtilization()
    const rests = utilization < AT_REST
    if (rests && hasWorked) giveBack()
    hasWorked = !rests
  }
  const onError = (err: unknown) => log.warn({ err }, 'memory could not be given back')
  return repeat(look, { clock, everyMs: LOOK_EVERY_MS, onError })
}

/**
 * Starts the collector's own work of making the heap smaller.
 *
 * Loading a program makes V8 grow the space of its young objects to 64 MB. It becomes small again when V8 sees, at a
 * collection, that little is asked for; but a process that nobody asks for anything does not get as far as a collection
 * for hours. One of the young objects, of a few milliseconds, is enough: some seconds later the process is about 35 MB
 * smaller. It grows again as soon as there is work.
 */
export function giveBackMemory(): void {
  // The function is not in this context: nothing else in the program can call it.
  setFlagsFromString('--expose-gc')
  const collect: (options: { readonly type: 'minor' }) => void = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'minor' })
}
