/*
 * A log-in form that allows 5 tries at once and one more every 12 seconds, per address and per account: a refusal of
 * one layer costs the other nothing.
 */
import assert from 'node:assert/strict'
import { createMemoryStore, rateLimitFields, takeToken, takeTokens } from '@stoa/limiter'

const store = createMemoryStore({ maxBuckets: 50_000 })
const login = { capacity: 5, refillPerSecond: 5 / 60 }

const nowMs = 0
for (let attempt = 1; attempt <= 5; attempt++) {
  assert.equal(takeToken(store, 'login:203.0.113.7', login, 1, nowMs).allowed, true)
}
const refused = takeToken(store, 'login:203.0.113.7', login, 1, nowMs)
assert.deepEqual(rateLimitFields('login', login, refused), {
  'ratelimit-policy': '"login";q=5;w=60',
  ratelimit: '"login";r=0;t=60',
  'retry-after': '12',
})

const both = takeTokens(
  store,
  [
    { key: 'login:203.0.113.7', ...login },
    { key: 'login:ada@example.org', capacity: 10, refillPerSecond: 1 / 60 },
  ],
  nowMs,
)
assert.equal(both.allowed, false)
assert.equal(both.layers[1]?.remaining, 10)
console.log('ok')
