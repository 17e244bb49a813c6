/** The engines that every behaviour is tested on: `for (const engine of engines) describe(engine, …)`. */
export const engines = ['pglite', 'postgres'] as const

/** A database engine. */
export type Engine = (typeof engines)[number]

/**
 * The maintenance database of the PostgreSQL server that tests may use, with a superuser's login.
 *
 * @throws Error when the runner did not set `STOA_TEST_DATABASE_URL`: an engine is never skipped silently
 */
export function testServerUrl(): string {
  return fromRunner('STOA_TEST_DATABASE_URL')
}

/**
 * The Redis server that tests may use; keys need a prefix of their own.
 *
 * @throws Error when the runner did not set `STOA_TEST_REDIS_URL`
 */
export function testRedisUrl(): string {
  return fromRunner('STOA_TEST_REDIS_URL')
}

function fromRunner(name: string): string {
  const url = process.env[name]
  if (!url) throw new Error(`${name} is not set: run tests by 'npm test', or start the servers by 'npm run servers'`)
  return url
}
