/**
 * Comma-separated values (RFC 4180), safe to open in a spreadsheet: a text that a spreadsheet would take for a formula gets
 * an apostrophe in front, as OWASP advises.
 */

/** A value of a cell. */
export type CsvValue = string | number | boolean | null

/** The media type of such a file. */
export const CSV = 'text/csv'

/** One line, with its end. */
export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(cell).join(',')}\r\n`
}

function cell(value: CsvValue): string {
  if (value === null) return ''
  if (typeof value !== 'string') return String(value)
  const safe = /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value
  return /[",\r\n\t]/.test(safe) || safe.trim() !== safe ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** A row of a file, by the names in its first line; `line` is where it begins, from 1. */
export interface CsvRow {
  readonly line: number
  readonly cells: readonly string[]
}

/**
 * Reads a file (RFC 4180; a lone line feed ends a line too). Empty lines are none.
 *
 * @throws SyntaxError for a quote that does not end
 */
export function csvRows(text: string): CsvRow[] {
  const rows: CsvRow[] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y
  let cells: string[] = []
  let line = 1
  let begun = 1
  let at = text.startsWith('\uFEFF') ? 1 : 0
  while (at < text.length || cells.length > 0) {
    cell.lastIndex = at
    const found = cell.exec(text)
    if (found === null) throw new SyntaxError(`line ${line}: a quote is out of place`)
    const [whole, quoted, bare = '', end] = found
    cells.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'))
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0
    at = cell.lastIndex
    if (end === ',') {
      if (at < text.length) continue
      cells.push('')
    }
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: begun, cells })
    cells = []
    begun = line
    if (end === '' || at >= text.length) break
  }
  return rows
}
