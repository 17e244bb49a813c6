import assert from 'node:assert/strict'
import type { ApiOperation, TestAnswer } from '@stoa/testkit'
import Ajv from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

const ajv = new Ajv.default({ strict: false, allErrors: true })
addFormats.default(ajv)

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
  assert.ok(ajv.validate(schema, body), `${operation.id}: ${ajv.errorsText()}: ${JSON.stringify(body)}`)
}
