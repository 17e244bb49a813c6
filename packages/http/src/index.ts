export { apiKeyErrors } from './api-key-errors.ts'
export { httpEvents } from './api-key-events.ts'
export {
  type ApiKeyChange,
  ApiKeys,
  type ApiKeysDeps,
  createApiKeys,
  httpPermissions,
  type NewApiKey,
} from './api-keys.ts'
export { type AuthScheme, bearerToken, type Credentials, type Principal } from './auth.ts'
export { createHttp, type Http, type HttpDeps } from './create-http.ts'
export type { CursorValue } from './cursor.ts'
export type { Endpoint } from './endpoints.ts'
export { etag, IfMatch } from './etag.ts'
export { Id, IdParams, Nullable, OneOf, Timestamp, TimestampInput } from './fields.ts'
export { httpMigrations } from './migrations/index.ts'
export { type OpenApiDocument, type OpenApiSpec, openapiDocument } from './openapi.ts'
export type { HttpConfig, HttpOptions } from './options.ts'
export {
  DEFAULT_LIMIT,
  type ListSpec,
  MAX_LIMIT,
  type Page,
  PageOf,
  type PageRequest,
  type SortOf,
} from './pagination.ts'
export { type Problem, problemOf, statusOf, statusOfError } from './problem.ts'
export { protocolErrors } from './protocol-errors.ts'
export { type Buckets, memoryBuckets } from './rate-limit.ts'
export {
  type ContentSchema,
  defineRoute,
  type RateLimit,
  type ResponseBody,
  type Route,
  type RouteMethod,
  type RouteReply,
  type RouteRequest,
  type RouteSchemas,
  type RouteSpec,
} from './route.ts'
