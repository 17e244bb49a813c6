import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

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
