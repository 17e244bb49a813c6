/**
 * The tests that the examples of every package and module have: they run, and the README shows them as they are.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Fewer lines than these show nothing of an example. */
const LEAST_LINES = 5

/** How examples are tested. */
export interface ExamplesOptions {
  /** Those that need a server or never end: a test of the caller's own runs them. Default: none. */
  readonly runElsewhere?: readonly string[]
}

/**
 * Tests every file of `examples/`: it runs and prints the line `ok`, and a TypeScript block of the README has nothing
 * but lines of it.
 *
 * @param testFile `import.meta.url` of a file in `test/` of the package
 */
export function describeExamples(testFile: string, { runElsewhere = [] }: ExamplesOptions = {}): void {
  describe('examples', () => {
    for (const file of readdirSync(new URL('../examples/', testFile))) {
      if (!runElsewhere.includes(file)) {
        it(`${file} runs and says ok`, async () => {
          assert.match(await runExample(testFile, file), /^ok$/m)
        })
      }

      it(`${file} is what the README shows`, () => {
        const shown = blocks(readFileSync(new URL('../README.md', testFile), 'utf8'))
        const example = new Set(linesOf(readFileSync(examplePath(testFile, file), 'utf8')))
        const strange = shown.map((lines) => lines.filter((line) => !example.has(line)))
        const closest = strange.toSorted((a, b) => a.length - b.length)[0]
        assert.deepEqual(closest, [], 'no block of the README is made of lines of this example')
      })
    }
  })
}

/** Runs an example to its end. @returns what it printed @throws when it fails */
export async function runExample(
  testFile: string,
  file: string,
  { args = [], env = {} }: { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const words = [examplePath(testFile, file), ...args]
  const { stdout } = await promisify(execFile)(process.execPath, words, { env: { ...process.env, ...env } })
  return stdout
}

/** Where an example is. */
export function examplePath(testFile: string, file: string): string {
  return fileURLToPath(new URL(`../examples/${file}`, testFile))
}

function blocks(readme: string): string[][] {
  const found = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => linesOf(code))
  return found.filter((lines) => lines.length >= LEAST_LINES)
}

function linesOf(code: string): string[] {
  const lines = code.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '')
}
