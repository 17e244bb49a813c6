import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file that is generated and committed. */
export interface CommittedFile {
  /** Relative to the root. */
  readonly path: string
  /** What it has to be. */
  readonly expected: string
  /** The npm script that writes it. */
  readonly script: string
}

/** Says where a committed file differs from what it has to be; null when it does not. */
export function drift(root: string, { path, expected, script }: CommittedFile): string | null {
  let found: string
  try {
    found = readFileSync(join(root, path), 'utf8')
  } catch {
    return `${path} is missing: npm run ${script} writes it`
  }
  if (found === expected) return null
  const [before, after] = [found.split('\n'), expected.split('\n')]
  const line = after.findIndex((text, index) => text !== before[index])
  const at = line === -1 ? after.length : line
  return [
    `${path} is not what the program gives (line ${at + 1}); npm run ${script} writes it`,
    `  committed: ${(before[at] ?? '(nothing)').trim()}`,
    `  given:     ${(after[at] ?? '(nothing)').trim()}`,
  ].join('\n')
}

/** Writes the file, with its folder. */
export function writeCommitted(root: string, { path, expected }: CommittedFile): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), expected)
}

/**
 * The end of each command that checks or writes a committed file: with `--write` it is written, else compared.
 * Returns the exit code.
 */
export function settle(root: string, file: CommittedFile, problems: readonly string[] = []): number {
  const writes = process.argv.includes('--write')
  if (writes) writeCommitted(root, file)
  const difference = drift(root, file)
  const all = difference === null ? problems : [difference, ...problems]
  for (const problem of all) console.error(problem)
  if (all.length === 0) console.log(`${file.path} ${writes ? 'written' : 'is what the program gives'}`)
  return all.length === 0 ? 0 : 1
}
