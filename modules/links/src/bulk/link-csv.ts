/**
 * Links as lines of a file: the same columns come out and go in. Tags are separated by `|`. What a spreadsheet would take
 * for a formula has an apostrophe in front, which is taken off again.
 */
import type { FieldError } from '@stoa/kernel'
import { Compile, type Validator } from 'typebox/schema'
import type { Link, NewLink } from '../contract.ts'
import { NewLink as NewLinkSchema } from '../schema.ts'
import { csvLine, csvRows } from './csv.ts'

/** What a file of new links can have; `target` it must. */
const NEW = [
  'target',
  'slug',
  'title',
  'notes',
  'folderId',
  'tags',
  'startsAt',
  'expiresAt',
  'maxVisits',
  'redirectStatus',
  'forwardQuery',
] as const
type Column = (typeof NEW)[number]

/** Columns of {@link NEW} that also come out, after what only comes out. */
const OUT = ['id', 'code', 'shortUrl', 'status', 'version', 'createdAt', 'updatedAt'] as const

const TAG_SEPARATOR = '|'
let compiled: Validator | undefined

/** The first line of a file of links. */
export function linkHeader(): string {
  return csvLine([...OUT, ...NEW.filter((column) => column !== 'slug')])
}

/** A link as a line. */
export function linkLine(link: Link): string {
  const fields = NEW.filter((column) => column !== 'slug').map((column) => {
    const value = link[column as Exclude<Column, 'slug'>]
    return Array.isArray(value) ? value.join(TAG_SEPARATOR) : (value as string | number | boolean | null)
  })
  return csvLine([...OUT.map((column) => link[column]), ...fields])
}

/** A line of a file that is to become a link. */
export type ReadLine =
  | { readonly line: number; readonly link: NewLink }
  | { readonly line: number; readonly fault: string; readonly fields: readonly FieldError[] }

/**
 * Reads a file of new links. The first line names the columns, in any order; those that only come out are passed over.
 *
 * @throws SyntaxError for a file that is none: quotes, a column that is unknown or there twice, no `target`
 */
export function linksOfCsv(text: string): ReadLine[] {
  const [head, ...rows] = csvRows(text)
  if (head === undefined) throw new SyntaxError('the file is empty')
  const columns = head.cells.map((name) => name.trim())
  for (const [index, name] of columns.entries()) {
    const known = (NEW as readonly string[]).includes(name) || (OUT as readonly string[]).includes(name)
    if (!known) throw new SyntaxError(`there is no column '${name.slice(0, 50)}': there are ${NEW.join(', ')}`)
    if (columns.indexOf(name) !== index) throw new SyntaxError(`the column '${name}' is there twice`)
  }
  if (!columns.includes('target')) throw new SyntaxError("there is no column 'target'")
  return rows.map(({ cells, line }) => readLine(line, columns, cells))
}

function readLine(line: number, columns: readonly string[], cells: readonly string[]): ReadLine {
  if (cells.length > columns.length)
    return { line, fault: 'The line has more cells than there are columns.', fields: [] }
  const entries = NEW.flatMap((column): [Column, unknown][] => {
    const cell = cells[columns.indexOf(column)]?.replace(/^'(?=[=+\-@])/, '').trim()
    return cell === undefined || cell === '' ? [] : [[column, cellValue(column, cell)]]
  })
  const link: unknown = Object.fromEntries(entries)
  // At the first line, because most programs never read a file.
  compiled ??= Compile(NewLinkSchema) as Validator
  if (compiled.Check(link)) return { line, link: link as NewLink }
  const [, faults] = compiled.Errors(link)
  const fields = faults.slice(0, 5).map(({ instancePath, message }) => ({
    pointer: instancePath,
    code: 'invalid',
    message,
  }))
  return { line, fault: faultOf(link as Record<string, unknown>, fields), fields }
}

function faultOf(link: Record<string, unknown>, fields: readonly FieldError[]): string {
  if (link.target === undefined) return 'The line has no target.'
  const names = [...new Set(fields.map(({ pointer }) => pointer.split('/')[1] ?? ''))].filter(Boolean)
  return `This does not fit: ${names.join(', ')}.`
}

/** A cell as the API has it. What is no number stays text, and is refused by the schema. */
function cellValue(column: Column, cell: string): unknown {
  switch (column) {
    case 'tags':
      return cell
        .split(TAG_SEPARATOR)
        .map((tag) => tag.trim())
        .filter(Boolean)
    case 'maxVisits':
    case 'redirectStatus':
      return /^\d{1,10}$/.test(cell) ? Number(cell) : cell
    case 'forwardQuery':
      return { true: true, false: false }[cell.toLowerCase()] ?? cell
    default:
      return cell
  }
}
