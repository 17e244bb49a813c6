import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Tenant } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import * as client from 'openid-client'
import { SigningKeys } from '../src/openid/signing-keys.ts'
import { enter, newApplication } from './application.ts'
import { newPerson } from './person.ts'
import { describeOnEngines, runningClock } from './setup.ts'

const execute = [client.allowInsecureRequests]

describeOnEngines(
  'a program that signs in itself',
  (suite) => {
    async function program(scopes = ['notes:read', 'notes:write']) {
      const tenant = suite().tenants.pooled
      const body = { name: 'Robot', grantTypes: ['client_credentials'], scopes }
      const { status, body: made } = await suite()
        .as(tenant)
        .send<{ client: { id: string }; secret: string }>('POST', '/api/v1/oauth-clients', { body })
      assert.equal(status, 201, JSON.stringify(made))
      return made
    }

    it('finds the provider of its tenant by discovery, and gets a token for the API', async () => {
      const made = await program()
      const issuer = new URL(suite().issuer(suite().tenants.pooled))
      const config = await client.discovery(issuer, made.client.id, made.secret, undefined, { execute })
      const tokens = await client.clientCredentialsGrant(config, { scope: 'notes:read' })
      assert.equal(tokens.scope, 'notes:read')
      const [, payload = ''] = tokens.access_token.split('.')
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
      assert.equal(claims.iss, issuer.href)
      assert.equal(claims.aud, `${suite().url}/api/v1`)
      assert.equal(claims.sub, made.client.id)
      assert.equal(claims.tenant, suite().tenants.pooled.id)
      const answer = await suite().bearer(tokens.access_token).send('GET', '/api/v1/oauth-clients')
      assert.equal(answer.status, 403)
    })

    it('and people get tokens by EdDSA where the organisation signs with that, which the guard believes', async () => {
      const { db, journal, tenants } = suite()
      const key = Buffer.alloc(32, 'signing.keys')
      const keys = new SigningKeys({ db, journal, key, algorithm: 'EdDSA', publishSeconds: 0 })
      assert.equal((await keys.of(suite().ctx(tenants.neighbour))).keys.length, 1)
      const person = await newPerson(suite(), tenants.neighbour, ['owner'])
      await person.signIn()
      const over = { scope: 'openid identity:clients:read', resource: `${suite().url}/api/v1` }
      const tokens = await enter(person, await newApplication(suite(), tenants.neighbour), over)
      for (const token of [tokens.access_token, tokens.id_token ?? '']) {
        assert.equal(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).alg, 'EdDSA')
      }
      assert.equal((await suite().bearer(tokens.access_token).get('/api/v1/oauth-clients')).status, 200)
    })

    it('drops what is known of a tenant when that changes, roles and keys, and nothing of another one’s', async () => {
      const { neighbour, pooled } = suite().tenants
      const known = await Promise.all(
        [pooled, neighbour].map(async (of) => {
          const person = await newPerson(suite(), of, ['owner'])
          await person.signIn()
          const over = { scope: 'openid identity:clients:read', resource: `${suite().url}/api/v1` }
          const { access_token: token } = await enter(person, await newApplication(suite(), of), over)
          return { of, token, status: async () => (await suite().bearer(token).get('/api/v1/oauth-clients')).status }
        }),
      )
      const statuses = () => Promise.all(known.map(({ status }) => status()))
      const keySets = () => Promise.all(known.map(async ({ of }) => (await fetch(`${suite().issuer(of)}/jwks`)).text()))
      assert.deepEqual(await statuses(), [200, 200])
      const before = await keySets()
      // Behind the room's back: only who reads again sees it.
      await suite().db.admin((session) => session.query("update stoa.memberships set role_names = '{viewer}'"))
      const roles = suite().as(pooled)
      const { body: role } = await roles.created<{ name: string }>('/api/v1/roles', {
        name: 'clerk',
        title: 'Clerk',
        permissions: ['notes:read'],
      })
      assert.deepEqual(await statuses(), [200, 200], 'a new role is nobody’s')
      const changed = await roles.send('PATCH', `/api/v1/roles/${role.name}`, {
        body: { permissions: ['notes:write'] },
        headers: { 'if-match': '*' },
      })
      assert.equal(changed.status, 200, JSON.stringify(changed.body))
      assert.deepEqual(await statuses(), [403, 200])
      await suite().db.admin((session) => session.query('delete from stoa.signing_keys'))
      assert.equal((await roles.post('/api/v1/signing-keys')).status, 201)
      const after = await eventually(keySets, ([first]) => first !== before[0])
      assert.equal(after[1], before[1], 'the other one’s provider is the one of before')
    })

    it('finds the issuers of more tenants than a process keeps: the one that was asked least recently is made anew', async () => {
      const { neighbour, placed, pooled } = suite().tenants
      const keySet = async (of: Tenant) => (await fetch(`${suite().issuer(of)}/jwks`)).text()
      const all = await Promise.all([pooled, neighbour, placed].map(keySet))
      // A first key is an event, too: once a later one is heard, so are those.
      assert.equal((await suite().as(placed).post('/api/v1/signing-keys')).status, 201)
      await eventually(async () => (await keySet(placed)) !== all[2])
      const [first, second] = [await keySet(pooled), await keySet(neighbour), await keySet(pooled)]
      // Behind the room's back: only a provider that is made anew has other keys.
      await suite().db.admin((session) => session.query('delete from stoa.signing_keys'))
      assert.match(await keySet(placed), /"kid"/)
      assert.equal(await keySet(pooled), first, 'asked more recently than another: kept')
      const again = await keySet(neighbour)
      assert.match(again, /"kid"/)
      assert.notEqual(again, second, 'gone, and made anew')
      assert.equal(await keySet(pooled), first)
    })
  },
  { clock: runningClock, config: { maxProviders: 2 } },
)
