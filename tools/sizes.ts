// `npm run sizes`: how long files and functions are. Reports against the aims; fails over the hard limits only.
//
// Lines are lines of the file, comments and blanks included, less what grows without getting harder to read: type
// declarations, tables (object and array literals at the top level) and the inside of multi-line texts such as SQL. In
// tests the callbacks of describe(), and of functions named after it, count as files do, by what is in them, not as
// functions.

import { join } from 'node:path'
import { readSource, type Source, visit } from './source.ts'
import { sourceFiles, workspaces } from './workspace.ts'

/** The limits, in lines. An aim is for the 90th percentile. */
export const LIMITS = { file: { aim: 300, hard: 600 }, function: { aim: 40, hard: 80 } } as const

/** A file or function and its length. */
export interface Size {
  /** `path` or `path:line name`. */
  readonly place: string
  readonly lines: number
}

/** All sizes under `root`. */
export interface Sizes {
  readonly files: readonly Size[]
  readonly functions: readonly Size[]
}

/** Files that hold nothing but tables or SQL. */
const EXEMPT = /\/migrations\/|\.generated\.ts$/

/** Measures every hand-written source file. */
export function measure(root: string): Sizes {
  const folders = [...workspaces(root).map((workspace) => workspace.folder), 'tools', 'bench']
  const files: Size[] = []
  const functions: Size[] = []
  for (const path of folders.flatMap((folder) => sourceFiles(root, folder))) {
    if (EXEMPT.test(path)) continue
    const source = readSource(root, path)
    const exempt = exemptLines(source)
    const total = source.text.split('\n').length - 1
    files.push({ place: path, lines: total - exempt.size })
    functions.push(...functionSizes(source, exempt))
  }
  return { files, functions }
}

/** What is over a hard limit. */
export function tooLong({ files, functions }: Sizes): readonly string[] {
  return [
    ...files.filter((size) => size.lines > LIMITS.file.hard),
    ...functions.filter((size) => size.lines > LIMITS.function.hard),
  ].map(({ place, lines }) => `${place} has ${lines} lines`)
}

interface Span {
  readonly type: string
  readonly start: number
  readonly end: number
}

/** The lines strictly inside of type declarations, top-level tables and multi-line texts. */
function exemptLines(source: Source): ReadonlySet<number> {
  const lines = new Set<number>()
  const inside = (node: Span) => {
    for (let line = source.line(node.start) + 1; line < source.line(node.end - 1); line++) lines.add(line)
  }
  visit(source, {
    TSInterfaceDeclaration: inside,
    TSTypeAliasDeclaration: inside,
    TemplateLiteral: inside,
  })
  for (const statement of source.program.body) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    if (declaration?.type !== 'VariableDeclaration') continue
    for (const { init } of declaration.declarations) if (init !== null && isTable(init)) inside(init)
  }
  return lines
}

function isTable(node: Span): boolean {
  if (node.type === 'ArrayExpression' || node.type === 'ObjectExpression') return true
  const inner = (node as { expression?: Span }).expression
  return node.type.startsWith('TS') && inner !== undefined && isTable(inner)
}

const CONTAINER = /^(describe|suite)/

function functionSizes(source: Source, exempt: ReadonlySet<number>): readonly Size[] {
  const sizes: Size[] = []
  const containers = new Set<number>()
  const add = (node: Span & { readonly id?: { readonly name: string } | null }) => {
    if (containers.has(node.start)) return
    const first = source.line(node.start)
    const last = source.line(node.end - 1)
    let lines = last - first + 1
    for (let line = first + 1; line < last; line++) if (exempt.has(line)) lines--
    const name = node.id?.name ?? ''
    sizes.push({ place: `${source.path}:${first}${name === '' ? '' : ` ${name}`}`, lines })
  }
  visit(source, {
    CallExpression(node) {
      const { callee } = node
      const object = callee.type === 'MemberExpression' ? callee.object : callee
      if (object.type !== 'Identifier' || !CONTAINER.test(object.name)) return
      for (const argument of node.arguments) containers.add(argument.start)
    },
    FunctionDeclaration: add,
    FunctionExpression: add,
    ArrowFunctionExpression: add,
  })
  return sizes
}

/** The report: the longest of each sort, and then one line that sums it up. */
export function reportSizes({ files, functions }: Sizes): readonly string[] {
  const sorts = [
    describeSizes('files', files, LIMITS.file.aim),
    describeSizes('functions', functions, LIMITS.function.aim),
  ]
  return [...sorts.flatMap(({ longest }) => longest), sorts.map(({ summary }) => summary).join('; ')]
}

function describeSizes(name: string, sizes: readonly Size[], aim: number) {
  const sorted = [...sizes].sort((a, b) => a.lines - b.lines)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.lines ?? 0
  const p90 = at(0.9)
  const verdict = p90 <= aim ? '' : ` (over the aim of ${aim})`
  const longest = sorted
    .slice(-3)
    .reverse()
    .map(({ place, lines }) => `${String(lines).padStart(4)} ${place}`)
  return { longest, summary: `${sizes.length} ${name}: p50 ${at(0.5)}, p90 ${p90}${verdict}, max ${at(1)} lines` }
}

if (import.meta.main) {
  const sizes = measure(join(import.meta.dirname, '..'))
  for (const line of reportSizes(sizes)) console.log(line)
  const over = tooLong(sizes)
  for (const line of over) console.error(`too long: ${line}`)
  process.exitCode = over.length === 0 ? 0 : 1
}
