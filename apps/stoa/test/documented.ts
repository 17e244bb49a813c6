import assert from 'node:assert/strict'
import type { ApiOperation, TestAnswer } from '@stoa/testkit'
import Ajv from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

const ajv = new Ajv.default({ strict: false, allErrors: true })
addFormats.default(ajv)

/** The answer is one that the document describes: status, media type, and every field. */
export function assertDocumented(operation: ApiOperation, { status, headers, body }: TestAnswer): void {
  const documented = operation.responses[status]
  assert.ok(documented, `${operation.id} answered ${status}, which the document does not know: ${JSON.stringify(body)}`)
  const [type = ''] = (headers.get('content-type') ?? '').split(';')
  if (body === null) return
  const schema = documented[type]
  assert.ok(schema, `${operation.id} answered ${status} as '${type}', which the document does not know`)
  assert.ok(ajv.validate(schema, body), `${operation.id}: ${ajv.errorsText()}: ${JSON.stringify(body)}`)
}
