// `npm run openapi[:write]`: openapi/stoa.json is the document that the program serves, and a good one.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { contract } from '@stoa/stoa/contract'
import { settle } from './committed-file.ts'
import { openApiProblems, publicOperations } from './openapi-review.ts'

const ROOT = join(import.meta.dirname, '..')

const document = await contract()
const listed = publicOperations(readFileSync(join(ROOT, 'apps/stoa/public-operations.txt'), 'utf8'))
const file = { path: 'openapi/stoa.json', expected: `${JSON.stringify(document, null, 2)}\n`, script: 'openapi:write' }
process.exitCode = settle(ROOT, file, openApiProblems(document, listed))
