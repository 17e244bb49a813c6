export type { Answer, AnswerSource, LayerAnswer, TakeOptions } from './answer.ts'
export { type CheckEndpointOptions, type CheckedRequest, checkEndpoint } from './auth-request.ts'
export { checkLimit, type Decision, type Limit } from './bucket.ts'
export { ClientAddress, callerOf } from './client-address.ts'
export { type ExpressRateLimit, type ExpressRequestLike, expressRateLimit } from './express.ts'
export {
  type FastifyRateLimitOptions,
  type FastifyRequestLike,
  type FastifyRouteLimit,
  fastifyRateLimit,
} from './fastify.ts'
export { answerOf, type GateOptions, writeRateLimitFields } from './gate.ts'
export { limitField, policyField, rateLimitFields, retryAfterSeconds } from './headers.ts'
export { type HonoContextLike, type HonoRateLimit, type HonoRateLimitOptions, honoRateLimit } from './hono.ts'
export type { Layer, LayersDecision, Store } from './layers.ts'
export { createLimiter, type Limiter, type LimiterOptions } from './limiter.ts'
export { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from './memory-store.ts'
export { type NodeRateLimit, nodeRateLimit } from './node-http.ts'
export type { Ask, OnStoreFailure, Policy, PolicyCounts, PolicySettings } from './policy.ts'
export { postgresSchema } from './postgres-schema.ts'
export {
  createPostgresStore,
  type PostgresClient,
  type PostgresStore,
  type PostgresStoreOptions,
} from './postgres-store.ts'
export { createRedisStore, type RedisClient, type RedisStore, type RedisStoreOptions } from './redis-store.ts'
export { type CircuitState, StoreUnavailableError } from './store-guard.ts'
export { takeToken, takeTokens } from './take.ts'
