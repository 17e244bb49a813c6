import type { JsonSchema } from './api-operations.ts'

/** A place of a body where a text can stand. */
export interface StringPlace {
  /** Names from the root: `['owner', 'id']`. */
  readonly path: readonly string[]
  /** What stands there: the text, the first one of a list, or null. */
  get(body: object): string | null
  /** The body with this text there. */
  put(body: Readonly<Record<string, unknown>>, text: string): Record<string, unknown>
  readonly schema: JsonSchema
}

/** Every place of an object where its schema lets a text, or a list of texts, stand. */
export function stringPlaces(schema: JsonSchema, path: readonly string[] = []): StringPlace[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => placesOf(inner, [...path, name]))
}

function placesOf(schema: JsonSchema, path: readonly string[]): StringPlace[] {
  if (schema.anyOf) return schema.anyOf.flatMap((branch) => placesOf(branch, path))
  if (isA('object', schema)) return stringPlaces(schema, path)
  const { items } = schema
  if (isA('array', schema) && items && isA('string', items)) {
    return [{ path, schema: items, get: textAt(path), put: (body, text) => placed(body, path, [text]) }]
  }
  return isA('string', schema)
    ? [{ path, schema, get: textAt(path), put: (body, text) => placed(body, path, text) }]
    : []
}

function textAt(path: readonly string[]): StringPlace['get'] {
  return (body) => {
    let value: unknown = body
    for (const name of path) value = (value as Readonly<Record<string, unknown>> | null | undefined)?.[name]
    const [text] = [value].flat()
    return typeof text === 'string' ? text : null
  }
}

function placed(
  body: Readonly<Record<string, unknown>>,
  [name = '', ...rest]: readonly string[],
  value: unknown,
): Record<string, unknown> {
  if (rest.length === 0) return { ...body, [name]: value }
  const inner = (body[name] ?? {}) as Readonly<Record<string, unknown>>
  return { ...body, [name]: placed(inner, rest, value) }
}

function isA(type: string, schema: JsonSchema): boolean {
  return Array.isArray(schema.type) ? schema.type.includes(type) : schema.type === type
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The texts that the schema lets pass. */
export function fitting(schema: JsonSchema, texts: readonly string[]): string[] {
  if (schema.anyOf) return [...new Set(schema.anyOf.flatMap((branch) => fitting(branch, texts)))]
  if (isA('array', schema)) return schema.items ? fitting(schema.items, texts) : []
  if (!isA('string', schema)) return []
  const { format, minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern, enum: allowed, const: fixed } = schema
  if (format === 'date-time' || allowed !== undefined || fixed !== undefined) return []
  return texts.filter(
    (text) =>
      text.length >= minLength &&
      text.length <= maxLength &&
      (format !== 'uuid' || UUID.test(text)) &&
      (pattern === undefined || new RegExp(pattern, 'u').test(text)),
  )
}
