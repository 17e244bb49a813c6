/* Two programs on one PostgreSQL: what is changed at one of them holds at the other. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { createRealtimeClient } from '@stoa/client'
import { type AnyJson, eventually, TestClient } from '@stoa/testkit'
import { freePort } from './people-at-pages.ts'
import { type Installation, newInstallation, type Up } from './program.ts'

const ANY = { 'if-match': '*' }

/** A program that signs in itself, at one of the nodes; null: it has asked too often. */
async function robot(client: TestClient): Promise<(node: string) => Promise<string | null>> {
  const body = { name: 'Robot', grantTypes: ['client_credentials'], scopes: ['links:read'] }
  const { client: made, secret } = (await client.created<AnyJson>('/api/v1/oauth-clients', body)).body
  const authorization = `Basic ${Buffer.from(`${made.id}:${secret}`).toString('base64')}`
  return async (node) => {
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    const answer = await fetch(`${node}/t/demo/token`, { method: 'POST', headers: { authorization }, body: form })
    const { access_token: token } = (await answer.json()) as { access_token?: string }
    assert.ok(answer.status === 429 || token !== undefined, `${answer.status}`)
    return token ?? null
  }
}

const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid

describe('two programs on one PostgreSQL', () => {
  let installation: Installation
  let one: Up
  let two: Up
  /** Where they listen. The world reaches both by one address, so their tokens are of one issuer and for one API. */
  const nodes: string[] = []
  before(async () => {
    const settings = { STOA_ISSUER_HOST_PROOF: 'none', STOA_SIGNING_KEY_PUBLISH_SECONDS: '0' }
    installation = await newInstallation('postgres', { settings })
    const ports = [await freePort(), await freePort()]
    nodes.push(...ports.map((port) => `http://127.0.0.1:${port}`))
    const [first, second] = ports.map((port) => ({ PORT: String(port), STOA_PUBLIC_URL: nodes[0] as string }))
    one = await installation.up(first)
    two = await installation.up(second)
  })
  after(async () => {
    assert.deepEqual([await one?.stop(), await two?.stop()], [0, 0])
    await installation?.[Symbol.asyncDispose]()
  })

  it('a change of roles at one ends the subscription that needs them at the other, and holds there', async () => {
    const account = (
      await one.client().created<AnyJson>('/api/v1/service-accounts', { name: 'Screen', roles: ['viewer'] })
    ).body
    const path = `/api/v1/service-accounts/${account.id}`
    const { key } = (await one.client().created<AnyJson>(`${path}/keys`, { name: 'Screen', scopes: ['*'] })).body
    await two.client(key).got('/api/v1/links')
    const problems: unknown[] = []
    const client = createRealtimeClient({ url: two.url, token: key, minRetryMs: 10, maxRetryMs: 100 })
    const subscription = client.subscribe('links', {
      onEvent: () => undefined,
      onError: ({ code }) => problems.push(code),
    })
    await eventually(() => client.state === 'open' && subscription.position !== undefined)
    assert.equal(problems.length, 0)

    const changed = await one.client().send('PATCH', path, { body: { roles: [] }, headers: ANY })
    assert.equal(changed.status, 200)
    assert.equal((await one.client(key).send('GET', '/api/v1/links')).status, 403, 'at once where it was changed')
    await eventually(() => problems.includes('forbidden'))
    // The subscription ends because the change was heard of; so nothing that was known before is believed any more.
    assert.equal((await two.client(key).send('GET', '/api/v1/links')).status, 403)
    client.close()
  })

  it('a grant for a while ends the subscription that needs it at its end, though nothing is changed', async () => {
    const account = (await one.client().created<AnyJson>('/api/v1/service-accounts', { name: 'Fair', roles: [] })).body
    const path = `/api/v1/service-accounts/${account.id}/keys`
    const { key } = (await one.client().created<AnyJson>(path, { name: 'Fair', scopes: ['*'] })).body
    const endsAtMs = Date.now() + 3_000
    const subject = { type: 'serviceAccount', id: account.id }
    const grant = { subject, role: 'viewer', expiresAt: new Date(endsAtMs).toISOString() }
    await one.client().created('/api/v1/grants', grant)
    await eventually(async () => (await two.client(key).send('GET', '/api/v1/links')).status === 200)
    let endedAtMs = 0
    const client = createRealtimeClient({ url: two.url, token: key, minRetryMs: 10, maxRetryMs: 100 })
    const subscription = client.subscribe('links', {
      onEvent: () => undefined,
      onError: ({ code }) => {
        if (code === 'forbidden') endedAtMs ||= Date.now()
      },
    })
    await eventually(() => subscription.position !== undefined)
    await eventually(() => endedAtMs > 0)
    assert.ok(endedAtMs >= endsAtMs && endedAtMs < endsAtMs + 10_000, `${endedAtMs - endsAtMs}`)
    client.close()
  })

  it('a change of roles at one is felt at the other within a second', async () => {
    const body = { name: 'Clerk', roles: ['viewer'] }
    const account = (await one.client().created<AnyJson>('/api/v1/service-accounts', body)).body
    const path = `/api/v1/service-accounts/${account.id}`
    const { key } = (await one.client().created<AnyJson>(`${path}/keys`, { name: 'Clerk', scopes: ['*'] })).body
    const felt: number[] = []
    for (const [roles, status] of Array.from({ length: 3 }, () => [
      [[], 403] as const,
      [['viewer'], 200] as const,
    ]).flat()) {
      // The other one knows what held before, and would believe it for ten seconds if it heard nothing.
      await eventually(async () => (await two.client(key).send('GET', '/api/v1/links')).status !== status)
      assert.equal((await one.client().send('PATCH', path, { body: { roles }, headers: ANY })).status, 200)
      const since = performance.now()
      await eventually(async () => (await two.client(key).send('GET', '/api/v1/links')).status === status)
      felt.push(performance.now() - since)
    }
    // The fastest of them: a machine that is busy with something else says nothing of how the news travel.
    assert.ok(Math.min(...felt) < 1_000, `${felt.map(Math.round)} ms`)
  })

  it('an issuer that is moved to a host of its own at one is there at the other soon, and at the old place no more', async () => {
    const found = async (host: string, path: string) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      const asked = request(`${nodes[1]}${path}/.well-known/openid-configuration`, { headers: { host } })
      asked.on('response', (answer) => resolve(answer.resume().statusCode ?? 0)).on('error', reject)
      asked.end()
      return promise
    }
    const client = one.client()
    const path = '/api/v1/issuer-hosts'
    const { body } = await client.created<AnyJson>(path, { host: 'id.example.com' })
    assert.deepEqual([await found('127.0.0.1', '/t/demo'), await found('id.example.com', '')], [200, 404])
    assert.equal((await client.send('POST', `${path}/${body.id}/activation`)).status, 200)
    await eventually(async () => (await found('id.example.com', '')) === 200)
    assert.equal(await found('127.0.0.1', '/t/demo'), 404)
    await client.send('DELETE', `${path}/${body.id}/activation`)
    await client.send('DELETE', `${path}/${body.id}`)
    await eventually(async () => (await found('127.0.0.1', '/t/demo')) === 200)
    assert.equal(await found('id.example.com', ''), 404)
  })

  it('keys rotated under load: no token that one gives out is refused by the other', async () => {
    const reads = async (node: string, token: string) =>
      (await new TestClient(node, token).send('GET', '/api/v1/links')).status
    const token = await robot(one.client())
    const given: string[] = []
    const refused: number[] = []
    let over = false
    const worker = async (from: string, to: string) => {
      while (!over) {
        const own = await token(from)
        if (own === null) continue
        const status = await reads(to, own)
        given.push(own)
        if (status !== 200) refused.push(status)
      }
    }
    const workers = nodes.flatMap((from) => nodes.map((to) => worker(from, to)))
    const kids = () => new Set(given.map(kidOf))
    for (let keys = 1; keys <= 3; keys++) {
      await eventually(() => kids().size >= keys)
      assert.ok((await one.client().send('POST', '/api/v1/signing-keys')).status < 300)
    }
    await eventually(() => kids().size >= 4)
    over = true
    await Promise.all(workers)
    assert.deepEqual(refused, [])
    for (const node of nodes) assert.equal(await reads(node, given[0] ?? ''), 200, 'what the first key signed holds')
  })
})
