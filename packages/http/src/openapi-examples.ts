/*
 * The example of a body is put together from what its schema says of each field: its own `examples`, else its default,
 * its only value, a format whose values all look alike. So an example cannot forget a field, and a field is made up in
 * one place.
 */
import type { JsonObject } from './openapi-components.ts'

const OF_FORMAT: Readonly<Record<string, string>> = {
  uuid: '019b76da-a800-7000-8000-000000000001',
  'date-time': '2026-01-01T09:30:00.000Z',
  date: '2026-01-01',
  email: 'ada@example.com',
  uri: 'https://example.com/',
}

/**
 * An example that fits the schema; undefined when a field that has to be there says nothing that one could be made of.
 */
export function exampleOf(schema: JsonObject): unknown {
  const { examples, default: fallback, const: constant, enum: values, anyOf } = schema
  const given = [(examples as unknown[] | undefined)?.[0], fallback, constant, (values as unknown[] | undefined)?.[0]]
  const first = given.find((value) => value !== undefined)
  if (first !== undefined) return first
  if (Array.isArray(anyOf)) return anyOf.map(exampleOf).find((value) => value !== undefined)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'object':
      return objectOf(schema)
    case 'array':
      return listOf(schema)
    case 'string':
      return OF_FORMAT[String(schema.format)]
    case 'integer':
    case 'number':
      return schema.minimum ?? 1
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return undefined
  }
}

function objectOf({ properties = {}, required = [] }: JsonObject): JsonObject | undefined {
  const example: JsonObject = {}
  for (const [name, schema] of Object.entries(properties as Record<string, JsonObject>)) {
    const value = exampleOf(schema)
    if (value !== undefined) example[name] = value
    else if ((required as string[]).includes(name)) return undefined
  }
  return example
}

function listOf({ items }: JsonObject): unknown[] | undefined {
  const item = exampleOf((items ?? {}) as JsonObject)
  return item === undefined ? undefined : [item]
}
