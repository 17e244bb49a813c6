export { apiKeyErrors } from './api-key-errors.ts'
export { httpEvents } from './api-key-events.ts'
export {
  type ApiKeyChange,
  type ApiKeyRotation,
  ApiKeys,
  type ApiKeysDeps,
  createApiKeys,
  httpPermissions,
  httpTags,
  type NewApiKey,
} from './api-keys.ts'
export { type AuthScheme, authenticate, type Credentials, type Principal } from './auth.ts'
export { type CacheOutcome, cameBy, wantsFresh } from './caching.ts'
export { type CallerSchema, callerSchema } from './caller-schema.ts'
export type { Claim, HostClaim } from './claims.ts'
export { createHttp, type Http, type HttpDeps } from './create-http.ts'
export type { CursorValue } from './cursor.ts'
export type { Endpoint } from './endpoints.ts'
export { etag, type IfMatch } from './etag.ts'
export { callerOf, EVENT_STREAM, type EventStream, openEventStream } from './event-stream.ts'
export { Id, IdParams, Nullable, OneOf, Timestamp, TimestampInput } from './fields.ts'
export type { HostUse } from './host-store.ts'
export type { KeyBounds, KeyOwner, KeyOwners } from './key-owners.ts'
export type { Lane } from './lane.ts'
export type { LaneReply } from './lane-reply.ts'
export type { LaneRequest } from './lane-request.ts'
export { httpMigrations } from './migrations/index.ts'
export type { Mount, MountCall, MountLane } from './mount.ts'
export { type OpenApiDocument, type OpenApiSpec, openapiDocument } from './openapi.ts'
export type { HttpOptions } from './options.ts'
export { type ListSpec, type Page, PageOf, type PageRequest, type SortOf } from './pagination.ts'
export { addressPrefix, placeOf } from './place.ts'
export { LivePlans, type LivePlansDeps, type Plan, Plans, type PlanView, plansOfTenants } from './plans.ts'
export { type Problem, statusOfError } from './problem.ts'
export { protocolErrors } from './protocol-errors.ts'
export type { UnreadForwarding } from './proxy-watch.ts'
export type { StandardLimits } from './rate-limit.ts'
export {
  type ContentSchema,
  type Dialect,
  defineRoute,
  type RateLimit,
  type ResponseBody,
  type Route,
  type RouteMethod,
  type RouteReply,
  type RouteRequest,
  type RouteResource,
  type RouteSchemas,
  type RouteSpec,
} from './route.ts'
export { checkScopesExist, checkScopesHeld, SCOPE_PATTERN } from './scopes.ts'
export { type ServedHost, ServedHosts, type ServedHostsDeps } from './served-hosts.ts'
export { type HostRoom, TenantHosts, type TenantHostsDeps } from './tenant-hosts.ts'
export type { Caller, UpgradedConnection } from './upgrade.ts'
