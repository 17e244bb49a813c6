import { after } from 'node:test'

/**
 * Closes what tests share, once all of them have run: those of the file, or of all files in its process when the runner gives
 * it more than one (see tools/testing/test-program.ts). To be called where a file that others import begins.
 */
export function whenTestsEnd(close: () => PromiseLike<unknown> | undefined): void {
  if (process.connected) process.once('disconnect', close)
  else after(async () => await close())
}
