import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import type { Row } from './harness.ts'

/** What a file in `results/` holds. */
export interface Results {
  readonly machine: Machine
  /** The short name. What was measured is what it holds: see {@link changedSince}. */
  readonly commit: string
  /** RFC 3339. */
  readonly date: string
  /** What to type to measure again. */
  readonly command: string
  readonly rows: readonly Row[]
}

/** Where it was measured. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly os: string
  readonly node: string
  /** The average of the last minute before the benchmark began. */
  readonly load: number
  /**
   * The share of the cores that other processes used meanwhile, 0–1: numbers of a busy machine are not worth keeping.
   */
  readonly others: number
}

/** This machine, now. */
export function thisMachine(): Omit<Machine, 'others'> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1e9),
    os: `${type()} ${release()}`,
    node: process.version,
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}

/** What a number is of: the sources, and what they were installed with. */
const SOURCES = ['packages', 'modules', 'apps', 'bench', 'package.json', 'package-lock.json']
const NOT_SOURCES = [':!bench/results', ':(exclude,glob)**/*.md']

const git = (root: string, ...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

/** The commit that is measured. */
export function commit(root: string): string {
  return git(root, 'rev-parse', '--short=10', 'HEAD')
}

/** The sources that are not as that commit has them: what is measured with them belongs to no commit. */
export function changedSince(root: string, commit: string): readonly string[] {
  const at = ['--', ...SOURCES, ...NOT_SOURCES]
  const changed = git(root, 'diff', '--name-only', '--relative', commit, ...at)
  const unknown = git(root, 'ls-files', '--others', '--exclude-standard', ...at)
  return `${changed}\n${unknown}`.split('\n').filter((path) => path !== '')
}

/** Writes `results/<name>.json`. @returns its path, relative to the root */
export function writeResults(root: string, name: string, results: Results): string {
  const path = join('bench', 'results', `${name}.json`)
  mkdirSync(join(root, 'bench', 'results'), { recursive: true })
  writeFileSync(join(root, path), `${JSON.stringify(results, null, 2)}\n`)
  return path
}

/** The rows as a table of text. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    `${row.value} ${row.unit}`,
    row.peer === null ? '' : `${row.peerValue} ${row.unit}: ${row.peer}`,
    row.ratio === null ? '' : `${row.ratio}×`,
    row.target ?? '',
    row.met === null ? '' : row.met ? 'met' : 'MISSED',
  ])
  const lines = [['', 'value', 'peer', 'ratio', 'target', ''], ...cells]
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
