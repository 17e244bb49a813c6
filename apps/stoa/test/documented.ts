import assert from 'node:assert/strict'
import type { ApiOperation, JsonSchema, TestAnswer } from '@stoa/testkit'
import Ajv, { type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

const ajv = new Ajv.default({ strict: false, allErrors: true, code: { optimize: false } })
addFormats.default(ajv)
/** By their text: the same few are in every operation, and in every document. */
const validators = new Map<string, ValidateFunction>()

const PROMISED = ['etag', 'location', 'retry-after', 'x-request-id'] as const

/** The answer is one that the document describes: status, headers, media type, and every field. */
export function assertDocumented(operation: ApiOperation, { status, headers, body }: TestAnswer): void {
  const documented = operation.responses[status]
  assert.ok(documented, `${operation.id} answered ${status}, which the document does not know: ${JSON.stringify(body)}`)
  const carried = PROMISED.filter((name) => headers.has(name))
  const unknown = carried.filter((name) => !operation.headers[status]?.includes(name))
  assert.deepEqual(unknown, [], `${operation.id} answered ${status} with headers that the document does not know`)
  const [type = ''] = (headers.get('content-type') ?? '').split(';')
  if (body === null) return
  const schema = documented[type]
  assert.ok(schema, `${operation.id} answered ${status} as '${type}', which the document does not know`)
  const validate = validatorOf(schema)
  if (!validate(body)) assert.fail(`${operation.id}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(body)}`)
}

function validatorOf(schema: JsonSchema): ValidateFunction {
  const text = JSON.stringify(schema)
  let validate = validators.get(text)
  if (validate === undefined) {
    validate = ajv.compile(schema)
    validators.set(text, validate)
  }
  return validate
}
