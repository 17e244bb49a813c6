import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Store } from '@stoa/limiter'
import { TestClock } from '@stoa/testkit'
import { Type } from 'typebox'
import { type AuthScheme, defineRoute, type HttpOptions, openapiDocument, type Principal } from '../src/index.ts'
import { openApp } from './setup.ts'

const schema = { response: { 200: Type.Object({ ok: Type.Boolean() }) } }
const spec = { method: 'GET', tags: ['test'], summary: 'Says ok.', schema, handler: () => ({ ok: true }) } as const
const routes = [
  defineRoute({ ...spec, url: '/private', operationId: 'getPrivate', permission: 'test:read' }),
  defineRoute({
    ...spec,
    ...{ url: '/costly', operationId: 'getCostly', permission: 'test:read' },
    rateLimit: { capacity: 1, refillPerSecond: 0.5 },
  }),
  defineRoute({ ...spec, url: '/public', operationId: 'getPublic', permission: null }),
]

/** `Bearer <tenant> <key>` */
const scheme: AuthScheme = {
  name: 'test',
  openapi: { type: 'http', scheme: 'bearer' },
  challenge: 'Bearer',
  authenticate({ headers }): Principal | null {
    const [, tenant, key] = headers.authorization?.split(' ') ?? []
    if (tenant === undefined || key === undefined) return null
    return {
      actor: { type: 'apiKey', id: key },
      tenant: { id: tenant, slug: tenant, schema: 'stoa_pool' },
      permissions: new Set(['test:read']),
      limitKey: `key:${key}`,
    }
  },
}

async function setup(options: HttpOptions = {}, limitStore?: Store) {
  const clock = new TestClock()
  const limits = {
    rateLimit: { capacity: 2, refillPerSecond: 0.5 },
    tenantRateLimit: { capacity: 3, refillPerSecond: 0.5 },
    anonymousRateLimit: { capacity: 2, refillPerSecond: 0.5 },
  }
  const http = await openApp(
    routes,
    { ...limits, ...options },
    { clock, schemes: [scheme], ...(limitStore && { limitStore }) },
  )
  const ask = async (url: string, caller: string | null, remoteAddress = '203.0.113.7') => {
    const headers = caller === null ? {} : { authorization: `Bearer ${caller}` }
    const answer = await http.app.inject({ url, headers, remoteAddress })
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
  }
  return { http, clock, ask }
}

describe('limits of routes', () => {
  it('hold per key and per tenant, both in the fields of every answer', async () => {
    const { http, clock, ask } = await setup()
    const first = await ask('/private', 'acme one')
    assert.deepEqual(
      [first.status, first.headers['ratelimit-policy'], first.headers.ratelimit],
      [200, '"default";q=2;w=4, "tenant";q=3;w=6', '"default";r=1;t=2, "tenant";r=2;t=2'],
    )
    assert.equal((await ask('/private', 'acme one')).status, 200)
    const refused = await ask('/private', 'acme one')
    assert.deepEqual([refused.status, refused.headers['retry-after'], refused.body.code], [429, '2', 'rate_limited'])
    assert.equal((await ask('/private', 'acme two')).status, 200, 'a refusal cost the tenant nothing')
    assert.equal((await ask('/private', 'acme two')).status, 429, 'the tenant has no more')
    assert.equal((await ask('/private', 'globex one')).status, 429, 'a key is one key wherever it is used')
    assert.equal((await ask('/private', 'globex three')).status, 200)
    await clock.advance(2000)
    assert.equal((await ask('/private', 'acme two')).status, 200)
    await http[Symbol.asyncDispose]()
  })

  it('of an operation with its own stand beside the tenant’s, and leave the key’s others alone', async () => {
    const { http, ask } = await setup()
    assert.match(String((await ask('/costly', 'acme one')).headers.ratelimit), /^"getCostly";r=0;t=2, "tenant";r=2;/)
    assert.equal((await ask('/costly', 'acme one')).status, 429)
    assert.match(String((await ask('/private', 'acme one')).headers.ratelimit), /^"default";r=1;t=2, "tenant";r=1;/)
    await http[Symbol.asyncDispose]()
  })

  it('hold per address for whoever has no credentials: IPv6 by /64, and what does not exist, too', async () => {
    const { http, ask } = await setup()
    assert.equal((await ask('/public', null)).headers.ratelimit, '"anonymous";r=1;t=2')
    assert.equal((await ask('/private', null)).status, 401)
    assert.deepEqual([(await ask('/public', null)).status, (await ask('/nowhere', null)).status], [429, 429])
    assert.equal((await ask('/public', null, '::ffff:203.0.113.7')).status, 429)
    const others = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1']
    const statuses: number[] = []
    for (const address of others) statuses.push((await ask('/public', null, address)).status)
    assert.deepEqual(statuses, [200, 200, 429, 200])
    await http[Symbol.asyncDispose]()
  })

  it('are those of this process while their store fails: no request fails for it', async () => {
    const fail = async () => {
      throw new Error('gone')
    }
    const { http, ask } = await setup({}, { take: fail, settle: fail })
    const statuses: number[] = []
    for (let turn = 0; turn < 3; turn++) statuses.push((await ask('/private', 'acme one')).status)
    assert.deepEqual(statuses, [200, 200, 429])
    await http[Symbol.asyncDispose]()
  })

  it('are shown in the OpenAPI document, for every operation', async () => {
    const document = await openapiDocument({ title: 'Test', version: '1', routes, schemes: [scheme] })
    const shown = (path: string) => document.paths[path]?.get?.['x-rate-limit']
    const tenant = { policy: 'tenant', per: 'tenant', capacity: 6000, refillPerSecond: 1000 }
    assert.deepEqual(shown('/private'), [
      { policy: 'default', per: 'key', capacity: 600, refillPerSecond: 100 },
      tenant,
    ])
    assert.deepEqual(shown('/costly'), [{ policy: 'getCostly', per: 'key', capacity: 1, refillPerSecond: 0.5 }, tenant])
    assert.deepEqual(shown('/public'), [{ policy: 'anonymous', per: 'address', capacity: 120, refillPerSecond: 20 }])
  })
})
