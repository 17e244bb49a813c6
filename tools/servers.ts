// `npm run servers`: PostgreSQL and Redis for tests, in the foreground, until Ctrl-C.

import { once } from 'node:events'
import { provideEngines } from '@stoa/testkit/servers'

try {
  await using engines = await provideEngines(undefined, (line) => console.error(line))
  const { databaseUrl, redisUrl, origins } = engines
  console.error(`PostgreSQL from ${origins.postgres}, Redis from ${origins.redis}; Ctrl-C stops and removes both.`)
  console.log(`export TEST_DATABASE_URL=${databaseUrl} STOA_TEST_DATABASE_URL=${databaseUrl}`)
  console.log(`export TEST_REDIS_URL=${redisUrl} STOA_TEST_REDIS_URL=${redisUrl}`)
  console.error(`To start Stoa on them: DATABASE_URL=${databaseUrl} REDIS_URL=${redisUrl} npm start`)
  const forever = setInterval(() => undefined, 2 ** 30)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  clearInterval(forever)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
