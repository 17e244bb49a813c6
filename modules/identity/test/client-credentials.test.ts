import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as client from 'openid-client'
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
  },
  { clock: runningClock },
)
