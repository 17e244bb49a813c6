/*
 * Validation by Ajv in strict mode: a schema with an unknown keyword does not start. Bodies are taken as they are; in
 * paths, queries and headers, where everything is text, numbers and booleans are read from it.
 *
 * A schema is compiled when the first request is checked by it: that takes milliseconds, and would be a quarter of the
 * program's start for all of them. It is compiled once for a process, however many applications have it.
 *
 * The first pass stops at the first error, so that a hostile body costs no more than a valid one. Only a small body (at
 * most 2,000 values) is looked at again for all of its errors, because a person is filling in a form and wants them
 * together.
 */
import { errors, type FieldError, StoaError } from '@stoa/kernel'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import { escapePointer } from './json-body.ts'
import { checkKeywords } from './schema-keywords.ts'
import { isDate, isDateTime } from './timestamp.ts'

type HttpPart = 'body' | 'querystring' | 'params' | 'headers'

const POINTER_OF: Readonly<Record<HttpPart, string>> = {
  body: '/body',
  querystring: '/query',
  params: '/params',
  headers: '/headers',
}
const FORMATS = ['time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uri', 'uuid'] as const
/** Values of a body that is searched for all of its errors. */
const MAX_SEARCHED_VALUES = 2000
/** Errors of one answer. */
const MAX_ERRORS = 20

type Compilers = (part: HttpPart) => Ajv

let kept: { readonly first: Compilers; readonly all: Compilers } | undefined

/** Gives the application its validators. */
export function useValidation(app: FastifyInstance): void {
  kept ??= { first: compilers(false), all: compilers(true) }
  const { first, all } = kept
  app.setValidatorCompiler<TSchema>(({ schema, httpPart, method, url }) => {
    const part = (httpPart ?? 'body') as HttpPart
    checkKeywords(schema, first(part).RULES.keywords, `${method} ${url}, ${part}`)
    let validate: ValidateFunction | undefined
    let validateAll: ValidateFunction | undefined
    return (data: unknown) => {
      validate ??= first(part).compile(schema)
      if (validate(data)) return part === 'body' ? true : finite(data, part)
      let found = validate.errors ?? []
      if (countValues(data, MAX_SEARCHED_VALUES) < MAX_SEARCHED_VALUES) {
        validateAll ??= all(part).compile(schema)
        validateAll(data)
        found = validateAll.errors ?? found
      }
      return { error: invalid(found, part) }
    }
  })
}

/** Ajv reads `1e400` from text as Infinity, and holds no rule against what is not finite. */
function finite(data: unknown, part: HttpPart): true | { error: StoaError } {
  for (const name in data as Record<string, unknown>) {
    const value = (data as Record<string, unknown>)[name]
    if (typeof value === 'number' && !Number.isFinite(value)) {
      const fields = [field(`${POINTER_OF[part]}/${escapePointer(name)}`, 'wrong_type', 'must be a finite number')]
      return { error: new StoaError(errors.validation_failed, { fields }) }
    }
  }
  return true
}

function compilers(allErrors: boolean): Compilers {
  // What Ajv calls optimisation takes a third of the compilation or more, and saves less than 0.1 µs of a check.
  const code = { optimize: false } as const
  const shared = { strict: true, allErrors, allowUnionTypes: true, useDefaults: true, verbose: true, code } as const
  const exact = new Ajv({ ...shared, coerceTypes: false })
  const textual = new Ajv({ ...shared, coerceTypes: 'array' })
  for (const ajv of [exact, textual]) {
    addFormatsOfApi(ajv)
    ajv.addKeyword('example')
    ajv.addKeyword('x-secret')
  }
  return (part) => (part === 'body' ? exact : textual)
}

/** Formats as everywhere in the API. */
export function addFormatsOfApi(ajv: Ajv): void {
  addFormats.default(ajv, { formats: [...FORMATS], mode: 'fast' })
  ajv.addFormat('date', isDate)
  ajv.addFormat('date-time', isDateTime)
}

function countValues(value: unknown, enough: number): number {
  if (typeof value !== 'object' || value === null) return 1
  let count = 1
  for (const item of Object.values(value)) {
    count += countValues(item, enough - count)
    if (count >= enough) return count
  }
  return count
}

function invalid(found: readonly ErrorObject[], part: HttpPart): StoaError {
  return new StoaError(errors.validation_failed, { fields: fieldsOf(found, POINTER_OF[part]) })
}

/** What is wrong, as callers are told: at most 20. @param root where the value is, as a JSON pointer */
export function fieldsOf(found: readonly ErrorObject[], root: string): FieldError[] {
  const fields: FieldError[] = []
  const seen = new Set<string>()
  const choices = found.filter((error) => isChoice(error)).map((error) => `${error.schemaPath}/`)
  for (const error of found) {
    if (choices.some((path) => error.schemaPath.startsWith(path))) continue
    const field = fieldErrorOf(error, root)
    const key = `${field.pointer} ${field.code}`
    if (seen.has(key)) continue
    seen.add(key)
    fields.push(field)
    if (fields.length === MAX_ERRORS) break
  }
  return fields
}

/** A failed choice has failed in each of its branches too; those say nothing to the caller. */
function isChoice(error: ErrorObject): boolean {
  return error.keyword === 'anyOf' || error.keyword === 'oneOf'
}

function fieldErrorOf(error: ErrorObject, root: string): FieldError {
  const at = root + error.instancePath
  const params = error.params as Record<string, unknown>
  switch (error.keyword) {
    case 'required':
      return field(`${at}/${escapePointer(String(params.missingProperty))}`, 'required', 'is required')
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params.additionalProperty ?? params.unevaluatedProperty)
      return field(`${at}/${escapePointer(name)}`, 'unknown_field', 'is not a known field')
    }
    case 'type':
      return field(at, 'wrong_type', `must be ${article(params.type)}`)
    case 'enum':
      return field(at, 'not_allowed', `must be one of ${list(params.allowedValues)}`)
    case 'const':
      return field(at, 'not_allowed', `must be ${JSON.stringify(params.allowedValue)}`)
    case 'format':
      return field(at, 'wrong_format', `must be a valid ${String(params.format)}`)
    case 'anyOf':
    case 'oneOf':
      return field(at, 'not_allowed', `must be ${branches(error.schema)}`)
    default:
      return field(at, CODE_OF[error.keyword] ?? 'invalid', error.message ?? 'is not valid')
  }
}

const CODE_OF: Readonly<Record<string, string>> = {
  minLength: 'too_short',
  maxLength: 'too_long',
  minimum: 'too_small',
  exclusiveMinimum: 'too_small',
  maximum: 'too_large',
  exclusiveMaximum: 'too_large',
  minItems: 'too_few',
  maxItems: 'too_many',
  minProperties: 'too_few',
  maxProperties: 'too_many',
  uniqueItems: 'duplicate',
  pattern: 'wrong_pattern',
  multipleOf: 'wrong_step',
}

function field(pointer: string, code: string, message: string): FieldError {
  return { pointer, code, message }
}

function article(type: unknown): string {
  const words = Array.isArray(type) ? type.map(String) : String(type).split(',')
  return words.map((word) => (word === 'null' ? 'null' : `${/^[aeio]/.test(word) ? 'an' : 'a'} ${word}`)).join(' or ')
}

function list(values: unknown): string {
  return Array.isArray(values) ? values.map((value) => JSON.stringify(value)).join(', ') : 'the allowed values'
}

function branches(schema: unknown): string {
  const words = (Array.isArray(schema) ? schema : []).map((branch: { const?: unknown; type?: unknown }) =>
    branch.const !== undefined ? JSON.stringify(branch.const) : branch.type ? article(branch.type) : 'another form',
  )
  return words.length === 0 ? 'one of the allowed forms' : [...new Set(words)].join(' or ')
}

const closedOnes = new WeakMap<TSchema, unknown>()

/**
 * The schema with every object closed that does not say otherwise: an unknown field is an error. Objects inside `allOf`
 * stay open, because each of them sees the fields of the others; close those with `unevaluatedProperties: false`. The
 * same schema gives the same one each time.
 */
export function closed<T extends TSchema>(schema: T): T {
  let result = closedOnes.get(schema)
  if (result === undefined) {
    result = close(schema)
    closedOnes.set(schema, result)
  }
  return result as T
}

function close(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(close)
  if (typeof node !== 'object' || node === null) return node
  const schema = node as Record<string, unknown>
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) result[key] = closeKeyword(key, value)
  const open = schema.type === 'object' && schema.properties !== undefined && schema.additionalProperties === undefined
  if (open && schema.patternProperties === undefined) result.additionalProperties = false
  return result
}

function closeKeyword(key: string, value: unknown): unknown {
  switch (key) {
    case 'properties':
    case 'patternProperties':
    case '$defs':
    case 'definitions':
      return Object.fromEntries(Object.entries(value as object).map(([name, schema]) => [name, close(schema)]))
    case 'items':
    case 'additionalProperties':
    case 'anyOf':
    case 'oneOf':
      return close(value)
    default:
      return value
  }
}
