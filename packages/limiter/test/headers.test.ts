import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createMemoryStore,
  type Decision,
  limitField,
  policyField,
  rateLimitFields,
  retryAfterSeconds,
  takeToken,
} from '@stoa/limiter'
import { limitFieldOf } from '../src/headers.ts'

const limit = { capacity: 100, refillPerSecond: 100 / 60 }

function decision(over: Partial<Decision>): Decision {
  return { allowed: true, remaining: 50, limit: 100, resetAfterMs: 30_000, retryAfterMs: 0, ...over }
}

describe('rate limit fields', () => {
  it('are written as in the draft', () => {
    assert.equal(policyField('default', limit), '"default";q=100;w=60')
    assert.equal(limitField('default', decision({})), '"default";r=50;t=30')
  })

  it('round the time up, so that nobody comes too early', () => {
    assert.equal(limitField('x', decision({ resetAfterMs: 1 })), '"x";r=50;t=1')
    assert.equal(policyField('x', { capacity: 10, refillPerSecond: 3 }), '"x";q=10;w=4')
    assert.deepEqual(
      [1, 1000, 1001].map((retryAfterMs) => retryAfterSeconds({ retryAfterMs })),
      [1, 1, 2],
    )
  })

  it('are those of this answer, also where the text of the last one is kept', () => {
    const told = [
      decision({}),
      decision({}),
      decision({ remaining: 49 }),
      decision({ remaining: 49, resetAfterMs: 31_000 }),
    ]
    for (const one of [...told, ...told.toReversed()]) {
      for (const name of ['kept', 'other']) assert.equal(limitFieldOf(name, one), limitField(name, one))
    }
  })

  it('have no Retry-After when the take was allowed, and none when waiting would not help', () => {
    assert.equal(retryAfterSeconds({ retryAfterMs: 0 }), null)
    assert.equal(retryAfterSeconds({ retryAfterMs: Number.POSITIVE_INFINITY }), null)
  })

  it('follow a real refusal', () => {
    const store = createMemoryStore()
    const small = { capacity: 1, refillPerSecond: 0.4 }
    assert.deepEqual(rateLimitFields('login', small, takeToken(store, 'a', small, 1, 0)), {
      'ratelimit-policy': '"login";q=1;w=3',
      ratelimit: '"login";r=0;t=3',
    })
    assert.deepEqual(rateLimitFields('login', small, takeToken(store, 'a', small, 1, 0)), {
      'ratelimit-policy': '"login";q=1;w=3',
      ratelimit: '"login";r=0;t=3',
      'retry-after': '3',
    })
  })

  it('escape a name and refuse one that could break the header', () => {
    assert.equal(policyField('a"b\\c', { capacity: 1, refillPerSecond: 1 }), '"a\\"b\\\\c";q=1;w=1')
    for (const name of ['', 'a\r\nx: y', 'ä', '\u0000']) assert.throws(() => policyField(name, limit), TypeError)
  })
})
