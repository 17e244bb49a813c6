// `npm run errors[:write]`: the error codes of the sources, of the manifest, of docs/errors.md and of openapi/stoa.json
// agree.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { statusOfError } from '@stoa/http'
import { type ErrorSpec, StoaError } from '@stoa/kernel'
import { errorTables } from '@stoa/stoa/manifest'
import { settle } from './committed-file.ts'
import { declaredCodes, errorProblems, renderErrorPage } from './error-table.ts'

const ROOT = join(import.meta.dirname, '..')

const page = renderErrorPage(errorTables, (error) => {
  const { retryable } = new StoaError(error as ErrorSpec)
  return { status: statusOfError(error as ErrorSpec), retryable }
})
const document: unknown = JSON.parse(readFileSync(join(ROOT, 'openapi/stoa.json'), 'utf8'))
const problems = errorProblems(declaredCodes(ROOT), errorTables, document)
process.exitCode = settle(ROOT, { path: 'docs/errors.md', expected: page, script: 'errors:write' }, problems)
