export { checkLimit, type Decision, type Limit } from './bucket.ts'
export { limitField, policyField, rateLimitFields, retryAfterSeconds } from './headers.ts'
export { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from './memory-store.ts'
export { type Layer, type LayersDecision, takeToken, takeTokens } from './take.ts'
