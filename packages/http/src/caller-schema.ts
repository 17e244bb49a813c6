/*
 * JSON Schemas that callers give, for values of theirs that are to be checked later. Such a schema is a small program
 * that somebody else has written and this process runs, so only what costs no more than the value is long is taken:
 *
 *   not taken                               because
 *   pattern, patternProperties              a regular expression can take longer than the universe
 *   $ref, $dynamicRef                       a few lines can refer to each other into billions of steps
 *   uniqueItems, contains                   compare each item with each other
 *   if, then, else, dependentSchemas …      say nothing that anyOf cannot
 *
 * What is not on the list is refused by name, so that nobody believes to be protected by a rule that is not looked at.
 */
import { errors, type FieldError, StoaError } from '@stoa/kernel'
import { Ajv, type ErrorObject } from 'ajv'
import { escapePointer } from './json-body.ts'
import { addFormatsOfApi, fieldsOf } from './validation.ts'

/** A schema that can be asked. */
export interface CallerSchema {
  /** What is wrong with a value; empty when it fits. @param root where the value is, as a JSON pointer: `/body/input` */
  errorsOf(value: unknown, root: string): readonly FieldError[]
}

const MAX_BYTES = 16_384
const MAX_DEPTH = 16

/** What the value of a keyword is, for the search. */
type Shape = 'plain' | 'schema' | 'schemas' | 'named'

const KEYWORDS: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ...words(
    'plain',
    '$schema $comment title description default examples deprecated readOnly writeOnly type enum const',
  ),
  ...words('plain', 'minLength maxLength format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf'),
  ...words('plain', 'minItems maxItems required minProperties maxProperties'),
  ...words('schema', 'items additionalProperties propertyNames not'),
  ...words('schemas', 'anyOf oneOf allOf'),
  ...words('named', 'properties'),
])

function words(shape: Shape, list: string): [string, Shape][] {
  return list.split(' ').map((word) => [word, shape])
}

/**
 * Compiles a schema. It takes milliseconds: keep it.
 *
 * @param root where the schema is, as a JSON pointer: `/body/inputSchema`
 * @throws StoaError `validation_failed` naming what is wrong with the schema
 */
export function callerSchema(schema: unknown, root: string): CallerSchema {
  const bytes = Buffer.byteLength(JSON.stringify(schema) ?? '')
  if (bytes > MAX_BYTES) throw refusal(root, 'too_long', `must be at most ${MAX_BYTES} bytes as JSON`)
  const flaw = flawOf(schema, root, 1)
  if (flaw) throw new StoaError(errors.validation_failed, { fields: [flaw] })
  const ajv = new Ajv({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    // The whole value is only looked through for all of its errors by the validator of bodies.
    allErrors: false,
    verbose: true,
    addUsedSchema: false,
    logger: false,
  })
  addFormatsOfApi(ajv)
  const { $schema: _, ...rest } = schema as Record<string, unknown>
  try {
    const validate = ajv.compile(rest)
    return {
      errorsOf: (value, at) => (validate(value) ? [] : fieldsOf(validate.errors as ErrorObject[], at)),
    }
  } catch (error) {
    throw refusal(root, 'invalid', `is not a JSON Schema: ${String((error as Error).message).slice(0, 300)}`)
  }
}

function refusal(pointer: string, code: string, message: string): StoaError {
  return new StoaError(errors.validation_failed, { fields: [{ pointer, code, message }] })
}

function flawOf(schema: unknown, at: string, depth: number): FieldError | null {
  if (typeof schema === 'boolean' && depth > 1) return null
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return { pointer: at, code: 'wrong_type', message: 'must be a JSON Schema: an object' }
  }
  if (depth > MAX_DEPTH) return { pointer: at, code: 'too_long', message: `nests deeper than ${MAX_DEPTH}` }
  for (const [word, value] of Object.entries(schema)) {
    const pointer = `${at}/${escapePointer(word)}`
    const shape = KEYWORDS.get(word)
    if (shape === undefined) {
      const message = `is not taken here. These are: ${[...KEYWORDS.keys()].join(', ')}`
      return { pointer, code: 'unknown_field', message }
    }
    const flaw = partsOf(value, shape, pointer).map(([part, place]) => flawOf(part, place, depth + 1))
    const first = flaw.find((one) => one !== null)
    if (first) return first
  }
  return null
}

function partsOf(value: unknown, shape: Shape, at: string): readonly (readonly [unknown, string])[] {
  if (shape === 'plain') return []
  if (shape === 'schema') return [[value, at]]
  // What is no list and no object is for the compiler to refuse.
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).map(([name, part]) => [part, `${at}/${escapePointer(name)}`] as const)
}
