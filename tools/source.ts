import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Program, parseSync, Visitor, type VisitorObject } from 'oxc-parser'

/** A parsed file. */
export interface Source {
  /** Relative to the root. */
  readonly path: string
  readonly text: string
  readonly program: Program
  /** The line of an offset, from 1. */
  line(offset: number): number
}

/** A module specifier that a file names, wherever it does: import, export … from, import(), or a type. */
export interface Import {
  readonly specifier: string
  readonly line: number
}

/** Parses a file; throws when it does not parse. */
export function readSource(root: string, path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const { program, errors } = parseSync(path, text)
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`)
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return { path, text, program, line: (offset) => lineOf(starts, offset) }
}

/** Walks the tree of a file. */
export function visit(source: Source, visitor: VisitorObject): void {
  new Visitor(visitor).visit(source.program)
}

/** Every module that a file names by a literal. */
export function importsOf(source: Source): readonly Import[] {
  const found: Import[] = []
  const add = (
    node: { readonly type: string; readonly start: number; readonly value?: unknown } | null | undefined,
  ) => {
    if (typeof node?.value === 'string') found.push({ specifier: node.value, line: source.line(node.start) })
  }
  visit(source, {
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
  })
  return found
}

function lineOf(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low + 1
}
