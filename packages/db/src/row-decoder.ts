/** One column of a result, as the server describes it. */
export interface WireField {
  readonly name: string
  readonly dataTypeID: number
}

/** Turns the text values of one row into an object with camelCase keys. */
export type RowDecoder = (values: readonly (string | null)[]) => Record<string, unknown>

type Parser = (text: string) => unknown

/**
 * Makes the decoder of a statement's rows; made once per prepared statement, so names and types cost nothing per row.
 */
export function rowDecoder(fields: readonly WireField[]): RowDecoder {
  const names = fields.map((field) => camelCase(field.name))
  const parsers = fields.map((field) => PARSERS.get(field.dataTypeID) ?? null)
  const width = names.length
  return (values) => {
    const row: Record<string, unknown> = {}
    for (let i = 0; i < width; i++) {
      const text = values[i] as string | null
      const parse = parsers[i] as Parser | null
      row[names[i] as string] = text === null || parse === null ? text : parse(text)
    }
    return row
  }
}

/** `created_at` → `createdAt`. */
export function camelCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** A 64-bit integer that does not fit a double is a bug in what asked for it: say so instead of rounding. */
function parseInt8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`integer ${text} does not fit a JavaScript number`)
  return value
}

const parseBoolean: Parser = (text) => text === 't'

/** `2026-11-21 12:00:00.123456+00` (ISO DateStyle, the server's default; any offset) → Date. */
function parseTimestamp(text: string): Date {
  if (text === 'infinity' || text === '-infinity') throw new RangeError('an infinite timestamp has no Date')
  const iso = text.replace(' ', 'T')
  return new Date(/[+-]\d\d$/.test(iso) ? `${iso}:00` : iso)
}

function parseBytes(text: string): Buffer {
  return Buffer.from(text.slice(2), 'hex')
}

/** Reads PostgreSQL's array literal, nested or not. */
export function parseArray(text: string, parse: Parser | null): unknown[] {
  let at = text.indexOf('{')
  const element = (): unknown => {
    if (text[at] === '{') return list()
    if (text[at] === '"') return convert(quoted())
    const start = at
    while (at < text.length && text[at] !== ',' && text[at] !== '}') at++
    const bare = text.slice(start, at)
    return bare === 'NULL' ? null : convert(bare)
  }
  const convert = (value: string): unknown => (parse ? parse(value) : value)
  const quoted = (): string => {
    let out = ''
    for (at++; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === '\\') at++
      out += text[at]
    }
    at++
    return out
  }
  const list = (): unknown[] => {
    const out: unknown[] = []
    at++
    while (at < text.length && text[at] !== '}') {
      out.push(element())
      if (text[at] === ',') at++
    }
    at++
    return out
  }
  return list()
}

const arrayOf =
  (parse: Parser | null): Parser =>
  (text) =>
    parseArray(text, parse)

/** By type id (`pg_type.oid`). What is not here stays text: uuid, text, numeric, xid8, interval. */
const PARSERS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [16, parseBoolean],
  [17, parseBytes],
  [20, parseInt8],
  [21, Number],
  [23, Number],
  [26, Number],
  [114, JSON.parse],
  [700, Number],
  [701, Number],
  [1114, (text) => parseTimestamp(`${text}Z`)],
  [1184, parseTimestamp],
  [3802, JSON.parse],
  [1000, arrayOf(parseBoolean)],
  [1002, arrayOf(null)],
  [1003, arrayOf(null)],
  [1005, arrayOf(Number)],
  [1007, arrayOf(Number)],
  [1009, arrayOf(null)],
  [1015, arrayOf(null)],
  [1016, arrayOf(parseInt8)],
  [1022, arrayOf(Number)],
  [1185, arrayOf(parseTimestamp)],
  [2951, arrayOf(null)],
  [3807, arrayOf(JSON.parse)],
])
