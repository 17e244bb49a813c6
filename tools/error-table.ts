// The error codes, in the four places where they are: the defineErrors tables in the sources, the manifest that lists
// the tables, docs/errors.md, and the `code` of a problem in openapi/stoa.json. Each is compared with the others both
// ways.

import { readSource, visit } from './source.ts'
import { sourceFiles, workspaces } from './workspace.ts'

/** What the documents say about an error. */
export interface ErrorRow {
  readonly code: string
  readonly kind: string
  readonly message: string
  readonly retryable?: boolean
}

/** Owner → code → error, as the manifest lists them. */
export type ErrorTables = Readonly<Record<string, Readonly<Record<string, ErrorRow>>>>

/** A code in a defineErrors table. */
export interface DeclaredCode {
  readonly code: string
  /** `path:line`. */
  readonly place: string
}

/** Every code that the sources of packages, modules and apps declare with defineErrors. */
export function declaredCodes(root: string): readonly DeclaredCode[] {
  const found: DeclaredCode[] = []
  for (const { folder } of workspaces(root)) {
    for (const path of sourceFiles(root, `${folder}/src`)) {
      const source = readSource(root, path)
      if (!source.text.includes('defineErrors')) continue
      visit(source, {
        CallExpression(node) {
          const [table] = node.arguments
          if (node.callee.type !== 'Identifier' || node.callee.name !== 'defineErrors') return
          if (table?.type !== 'ObjectExpression') return
          for (const property of table.properties) {
            if (property.type !== 'Property') continue
            const { key } = property
            const code = key.type === 'Identifier' ? key.name : key.type === 'Literal' ? String(key.value) : null
            if (code !== null) found.push({ code, place: `${path}:${source.line(property.start)}` })
          }
        },
      })
    }
  }
  return found
}

/** The codes that the OpenAPI document allows for a problem; null when it has no schema with `code` and `requestId`. */
export function openApiCodes(document: unknown): readonly string[] | null {
  const schemas = at(document, 'components', 'schemas') ?? {}
  for (const schema of Object.values(schemas)) {
    const properties = at(schema, 'properties')
    const code = at(properties, 'code')
    const named = /^#\/components\/schemas\/(\w+)$/.exec(String(code?.$ref))?.[1]
    const codes = named === undefined ? code?.enum : at(schemas, named)?.enum
    if (properties?.requestId !== undefined && Array.isArray(codes)) return codes.map(String)
  }
  return null
}

/** What a caller of the API is told: everything that fails on our side is `internal`, whatever we call it. */
function isTold({ code, kind }: ErrorRow): boolean {
  return kind !== 'internal' || code === 'internal'
}

/** What does not agree, one sentence each. `document` is the committed OpenAPI document, null when there is none. */
export function errorProblems(
  declared: readonly DeclaredCode[],
  tables: ErrorTables,
  document: unknown,
): readonly string[] {
  const owners = new Map<string, string[]>()
  for (const [owner, table] of Object.entries(tables)) {
    for (const code of Object.keys(table)) owners.set(code, [...(owners.get(code) ?? []), owner])
  }
  const problems: string[] = []
  for (const [code, names] of owners) {
    if (names.length > 1) problems.push(`${code} is in more than one error table: ${names.join(', ')}`)
    if (!declared.some((row) => row.code === code)) problems.push(`${code} is listed, but no defineErrors declares it`)
  }
  for (const { code, place } of declared) {
    if (!owners.has(code)) problems.push(`${code} (${place}) is in no table of the manifest's errorTables`)
  }
  const offered = openApiCodes(document)
  if (offered === null) return [...problems, 'openapi/stoa.json has no problem schema with the codes']
  const told = Object.values(tables)
    .flatMap((table) => Object.values(table))
    .filter(isTold)
    .map(({ code }) => code)
  for (const code of told) {
    if (!offered.includes(code)) problems.push(`${code} is not among the codes of a problem in openapi/stoa.json`)
  }
  for (const code of offered) {
    if (!told.includes(code)) problems.push(`openapi/stoa.json offers the code ${code}, which no error table has`)
  }
  return problems
}

/** What becomes of an error at the edge. */
export interface ErrorOutcome {
  /** The HTTP status. */
  readonly status: number
  /** Whether the same request may succeed later unchanged. */
  readonly retryable: boolean
}

/** docs/errors.md. */
export function renderErrorPage(tables: ErrorTables, outcomeOf: (error: ErrorRow) => ErrorOutcome): string {
  const told = Object.entries(tables).flatMap(([owner, table]) => {
    const rows = Object.values(table)
      .filter(isTold)
      .map((error) => ({ ...error, ...outcomeOf(error) }))
      .sort((a, b) => a.status - b.status || (a.code < b.code ? -1 : 1))
      .map(({ code, status, retryable, message }) => [`\`${code}\``, status, retryable ? 'yes' : 'no', message])
    if (rows.length === 0) return []
    return ['', `## ${owner}`, '', ...tableOf(['code', 'status', 'again', 'meaning'], rows)]
  })
  const kept = Object.values(tables)
    .flatMap((table) => Object.values(table))
    .filter((error) => !isTold(error))
    .sort((a, b) => (a.code < b.code ? -1 : 1))
    .map(({ code, message }) => [`\`${code}\``, message])
  return `${[...HEAD, ...told, ...KEPT_HEAD, ...tableOf(['code', 'meaning'], kept)].join('\n')}\n`
}

const HEAD = [
  '<!-- Generated by `npm run errors:write` from the error tables. Do not edit. -->',
  '',
  '# Errors',
  '',
  'Every refusal is `application/problem+json` (RFC 9457) with a stable `code`. The same request may succeed later',
  'unchanged where "again" says yes; `Retry-After` says when, if that is known.',
]

const KEPT_HEAD = [
  '',
  '## In logs and on the command line',
  '',
  'What fails on our side has a code too, for operators. A caller of the API is told `internal`.',
  '',
]

function tableOf(names: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(names), line(names.map(() => '---')), ...rows.map(line)]
}

function at(value: unknown, ...path: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  let here = value
  for (const key of path) here = (here as Record<string, unknown> | null | undefined)?.[key]
  return typeof here === 'object' && here !== null ? (here as Record<string, unknown>) : undefined
}
