/*
 * The program of a process of tests: it runs file after file, as it is told, until it is told ''. What a file
 * imports and what V8 has compiled is there for the next one.
 */
import { resolve } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { END, FILE } from './marks.ts'

/** Time after the last file in which the process shall end by itself, in ms. */
const LINGER_MS = 5_000

process.on('message', (file: string) => {
  if (file === '') return process.disconnect()
  // Hooks at the top of the file become hooks of this suite.
  describe(FILE, async () => {
    await import(pathToFileURL(resolve(file)).href)
  })
  test(END, () => {})
})

process.once('disconnect', () => setTimeout(sayWhatLingers, LINGER_MS).unref())

function sayWhatLingers(): void {
  const kinds = process.getActiveResourcesInfo().filter((kind) => !kind.endsWith('Wrap') || kind.startsWith('TCP'))
  process.stderr.write(`every test ended, yet the process stays open because of: ${kinds.join(', ') || 'a handle'}\n`)
}
