/*
 * A keyword that JSON Schema does not have checks nothing: `minLenght` would let everything pass. Ajv refuses it when it
 * compiles the schema, which is at the first request here; this finds it before the program listens, and costs next to
 * nothing.
 */
import { didYouMean } from '@stoa/kernel'

/** What holds a schema, or a list of them. */
const SCHEMAS = [
  ...['items', 'additionalItems', 'additionalProperties', 'propertyNames', 'contains'],
  ...['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else'],
]
/** What holds schemas by name. */
const MAPS = ['properties', 'patternProperties', '$defs', 'definitions']

/**
 * Passes when every keyword of a schema is known.
 *
 * @param what the schema, in the words of the error: `POST /notes, body`
 * @throws TypeError naming the first one that is not
 */
export function checkKeywords(schema: unknown, known: Readonly<Record<string, unknown>>, what: string): void {
  if (Array.isArray(schema)) {
    for (const one of schema) checkKeywords(one, known, what)
    return
  }
  if (typeof schema !== 'object' || schema === null) return
  for (const [keyword, value] of Object.entries(schema)) {
    if (!Object.hasOwn(known, keyword)) {
      throw new TypeError(`${what}: '${keyword}' is no keyword${didYouMean(keyword, Object.keys(known))}`)
    }
    if (MAPS.includes(keyword)) checkKeywords(Object.values(value as object), known, what)
    else if (SCHEMAS.includes(keyword)) checkKeywords(value, known, what)
  }
}
