// `npm run configuration[:write]`: docs/configuration.md is what the declarations of the variables say.

import { join } from 'node:path'
import { configurationDocument } from '@stoa/stoa/configuration'
import { settle } from './committed-file.ts'

process.exitCode = settle(join(import.meta.dirname, '..'), {
  path: 'docs/configuration.md',
  expected: configurationDocument(),
  script: 'configuration:write',
})
