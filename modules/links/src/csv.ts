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
