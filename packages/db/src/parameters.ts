/** A value that must reach the server as `json`/`jsonb`, made by {@link json}. */
export class JsonParam {
  readonly text: string
  constructor(value: unknown) {
    this.text = JSON.stringify(value) ?? 'null'
  }
}

/**
 * Marks a value as a JSON parameter. Plain objects need no mark; arrays, strings and numbers do, because they would
 * otherwise be sent as a PostgreSQL array, a text or a number.
 */
export function json(value: unknown): JsonParam {
  return new JsonParam(value)
}

/** What goes over the wire: text, bytes (sent in binary format), or NULL. */
export type WireParam = string | Buffer | null

/**
 * Encodes one parameter in PostgreSQL's text format (bytes: binary format).
 *
 * @throws TypeError for what has no PostgreSQL value: functions, symbols, invalid dates
 */
export function encodeParameter(value: unknown): WireParam {
  if (value === null || value === undefined) return null
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      return encodeObject(value)
    default:
      throw new TypeError(`a ${typeof value} cannot be a parameter of a query`)
  }
}

function encodeObject(value: object): WireParam {
  if (value instanceof Date) return encodeDate(value)
  if (value instanceof JsonParam) return value.text
  if (Array.isArray(value)) return encodeArray(value)
  if (Buffer.isBuffer(value)) return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return JSON.stringify(value)
}

function encodeDate(value: Date): string {
  if (Number.isNaN(value.getTime())) throw new TypeError('an invalid date cannot be a parameter of a query')
  return value.toISOString()
}

/** PostgreSQL's array literal: every element quoted, so that no element can end another. */
function encodeArray(values: readonly unknown[]): string {
  return `{${values.map(encodeElement).join(',')}}`
}

function encodeElement(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (Array.isArray(value)) return encodeArray(value)
  if (value instanceof Uint8Array) return `"\\\\x${Buffer.from(value).toString('hex')}"`
  const text = encodeParameter(value) as string
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
