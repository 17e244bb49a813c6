export { askRedis } from './ask-redis.ts'
export { provideBrowser } from './browser.ts'
export { startRedisCluster } from './cluster.ts'
export type { EngineServer, PostgresOptions, PostgresServer, RedisOptions, RedisServer, ServerTls } from './engine.ts'
export type { Engine } from './install.ts'
export type { CommandOptions, CommandResult, Machine } from './machine.ts'
export { startNginx } from './nginx.ts'
export {
  type EngineSource,
  type Engines,
  findSource,
  type ProvidedPostgres,
  provideEngines,
  providePostgres,
  startPostgres,
  startRedis,
} from './provide.ts'
export { type RedisSentinel, type RedisSentinelOptions, startRedisSentinel } from './sentinel.ts'
