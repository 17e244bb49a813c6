/*
 * The program of a process of tests: it runs file after file, as it is told, until it is told ''. What a file
 * imports and what V8 has compiled is there for the next one.
 */
import { resolve } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { follow, unfollow } from './following.ts'
import { END, FILE } from './marks.ts'
import type { Message } from './reporter.ts'

/** Time after the last file in which the process shall end by itself, in ms. */
const LINGER_MS = 5_000

process.on('message', (file: string) => {
  if (file === '') return process.disconnect()
  follow()
  // Hooks at the top of the file become hooks of this suite.
  describe(FILE, async () => {
    await import(pathToFileURL(resolve(file)).href).finally(unfollow)
  })
  test(END, () => {})
})

for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, endOf)

/** Nobody knows which test it is of, and the one that waits for what failed might wait for ever: the process ends. */
function endOf(error: unknown): void {
  const stray: Message = { at: 'stray', failure: inspect(error, { depth: 6 }) }
  if (process.connected) process.send?.(stray, () => process.exit(1))
  else {
    console.error(stray.failure)
    process.exit(1)
  }
}

process.once('disconnect', () => setTimeout(sayWhatLingers, LINGER_MS).unref())

function sayWhatLingers(): void {
  const kinds = process.getActiveResourcesInfo().filter((kind) => !kind.endsWith('Wrap') || kind.startsWith('TCP'))
  process.stderr.write(`every test ended, yet the process stays open because of: ${kinds.join(', ') || 'a handle'}\n`)
}
