import assert from 'node:assert/strict'
import { it } from 'node:test'
import { eventually } from '@stoa/testkit'
import * as client from 'openid-client'
import { ask, configOf, enter, exchange, listener, newApplication } from './application.ts'
import { newPerson } from './person.ts'
import { describeOnEngines, runningClock } from './setup.ts'

const failed = (code: string) => (error: unknown) =>
  error instanceof client.ResponseBodyError && error.error === code ? true : assert.fail(error as Error)

describeOnEngines(
  'the provider of a tenant',
  (suite) => {
    const tenant = () => suite().tenants.pooled
    const api = () => `${suite().url}/api/v1`

    it('tells what it can, at both places, and nothing that it refuses', async () => {
      const issuer = suite().issuer(tenant())
      const metadata = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Record<
        string,
        unknown
      >
      assert.equal(metadata.issuer, issuer)
      assert.deepEqual(metadata.response_types_supported, ['code'])
      assert.deepEqual(metadata.code_challenge_methods_supported, ['S256'])
      assert.ok(!(metadata.grant_types_supported as string[]).some((grant) => /implicit|password/.test(grant)))
      assert.deepEqual(metadata.id_token_signing_alg_values_supported, ['ES256'])
      assert.equal(metadata.authorization_response_iss_parameter_supported, true)
      const { keys } = (await (await fetch(String(metadata.jwks_uri))).json()) as { keys: Record<string, unknown>[] }
      assert.equal(keys.length, 1)
      assert.deepEqual([keys[0]?.kty, keys[0]?.d], ['EC', undefined])
      const oauth = await fetch(`${suite().url}/.well-known/oauth-authorization-server/t/${tenant().slug}`)
      assert.equal(((await oauth.json()) as { issuer: string }).issuer, issuer)
      const { status } = await fetch(`${suite().url}/t/nobody-here/.well-known/openid-configuration`)
      assert.equal(status, 404)
    })

    it('connects a device (RFC 8628) once somebody has entered its code and agreed', async () => {
      const person = await newPerson(suite(), tenant())
      const application = await newApplication(suite(), tenant(), {
        ...{ applicationType: 'native', authMethod: 'none', grantTypes: ['device_code', 'refresh_token'] },
        redirectUris: [],
      })
      const begun = await client.initiateDeviceAuthorization(application.config, { scope: 'openid profile' })
      await person.signIn()
      const input = await person.open(begun.verification_uri)
      const wrong = await person.submit(input, { user_code: 'BBBB-BBBB' })
      assert.match(wrong.html, /No device shows this code/)
      const confirm = await person.submit(wrong, { user_code: begun.user_code.toLowerCase() })
      assert.match(confirm.html, new RegExp(begun.user_code))
      const asked = await person.submit(confirm)
      assert.match(asked.html, /Let Shop in\?/, asked.url.href)
      const done = await person.submit(asked, { answer: 'allow' })
      assert.match(done.html, /The device is connected/)
      const tokens = await client.pollDeviceAuthorizationGrant(application.config, { ...begun, interval: 0.1 })
      assert.equal(tokens.claims()?.sub, person.id)
      const again = client.pollDeviceAuthorizationGrant(application.config, { ...begun, interval: 0.1 })
      await assert.rejects(again, failed('invalid_grant'))
    })

    it('says of a token whether it holds, and takes it back (RFC 7662, RFC 7009)', async () => {
      const person = await newPerson(suite(), tenant(), ['owner'])
      await person.signIn()
      const application = await newApplication(suite(), tenant())
      const { config } = application
      const tokens = await enter(person, application, { scope: 'openid identity:clients:read', resource: api() })
      const held = await client.tokenIntrospection(config, tokens.access_token)
      assert.deepEqual(
        [held.active, held.sub, held.client_id, held.tenant],
        [true, person.id, application.id, tenant().id],
      )
      const refresh = await client.tokenIntrospection(config, tokens.refresh_token ?? '')
      assert.equal(refresh.active, true)
      const another = await newApplication(suite(), tenant())
      await client.tokenRevocation(another.config, tokens.access_token)
      assert.equal((await suite().bearer(tokens.access_token).send('GET', '/api/v1/oauth-clients')).status, 200)
      await client.tokenRevocation(config, tokens.access_token)
      assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false)
      assert.equal((await suite().bearer(tokens.access_token).send('GET', '/api/v1/oauth-clients')).status, 401)
      await client.tokenRevocation(config, tokens.refresh_token ?? '')
      await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? ''), failed('invalid_grant'))
    })

    it('signs out of every application at once: tokens are refused, applications are told', async () => {
      await using heard = await listener()
      const person = await newPerson(suite(), tenant(), ['owner'])
      const session = await person.signIn()
      const first = await newApplication(suite(), tenant(), {
        ...{ backchannelLogoutUri: heard.url, postLogoutRedirectUris: ['https://app.example.org/'] },
      })
      const second = await newApplication(suite(), tenant(), { backchannelLogoutUri: heard.url })
      const scope = 'openid identity:clients:read'
      const tokens = await enter(person, first, { scope, resource: api() })
      const others = await enter(person, second, { scope, resource: api() })
      const asks = async (token: string) => (await suite().bearer(token).send('GET', '/api/v1/oauth-clients')).status
      assert.deepEqual([await asks(tokens.access_token), await asks(others.access_token)], [200, 200])
      const url = client.buildEndSessionUrl(first.config, {
        id_token_hint: tokens.id_token ?? '',
        post_logout_redirect_uri: 'https://app.example.org/',
        state: 'bye',
      })
      const page = await person.open(url)
      assert.match(page.html, /signed out of every application/)
      const out = await person.submit(page, { logout: 'yes' })
      assert.equal(out.url.href, 'https://app.example.org/?state=bye')
      assert.equal(person.cookie('stoa-session'), undefined)
      assert.deepEqual([await asks(tokens.access_token), await asks(others.access_token)], [401, 401])
      await assert.rejects(client.refreshTokenGrant(second.config, others.refresh_token ?? ''), failed('invalid_grant'))
      await eventually(() => heard.told.length === 2)
      for (const token of heard.told) {
        const [, payload = ''] = token.split('.')
        const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
        assert.ok('http://schemas.openid.net/event/backchannel-logout' in claims.events)
        assert.deepEqual([claims.sub, typeof claims.sid], [person.id, 'string'])
        assert.ok([first.id, second.id].includes(claims.aud))
        assert.notEqual(claims.sid, session)
      }
    })

    it('lets a service call another one for a person (RFC 8693), with no more than it was given', async () => {
      const person = await newPerson(suite(), tenant(), ['owner'])
      await person.signIn()
      const application = await newApplication(suite(), tenant())
      const service = await newApplication(suite(), tenant(), {
        ...{ grantTypes: ['token_exchange'], redirectUris: [], scopes: ['notes:read', 'identity:clients:read'] },
      })
      const scope = 'openid identity:clients:read notes:write'
      const { access_token: shown } = await enter(person, application, { scope, resource: api() })
      const trade = (over: Record<string, string> = {}) =>
        client.genericGrantRequest(service.config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
          ...{ subject_token: shown, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', ...over },
        })
      const tokens = await trade()
      assert.equal(tokens.scope, 'identity:clients:read')
      const claims = JSON.parse(Buffer.from(tokens.access_token.split('.')[1] ?? '', 'base64url').toString())
      assert.deepEqual([claims.sub, claims.client_id, claims.act], [person.id, service.id, { sub: service.id }])
      assert.equal((await suite().bearer(tokens.access_token).send('GET', '/api/v1/oauth-clients')).status, 200)
      await assert.rejects(trade({ scope: 'notes:write' }), failed('invalid_scope'))
      await assert.rejects(trade({ resource: 'https://elsewhere.example.org/' }), failed('invalid_target'))
      await assert.rejects(trade({ subject_token: `${shown}x` }), failed('invalid_grant'))
    })

    it('lets an application register itself with a token of the organisation (RFC 7591), to sign people in and no more', async () => {
      const register = async (token: string | null, body: object) => {
        const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
        return fetch(`${suite().issuer(tenant())}/clients`, { method: 'POST', headers, body: JSON.stringify(body) })
      }
      const metadata = { client_name: 'Guest', redirect_uris: ['https://guest.example.org/callback'] }
      assert.equal((await register(null, metadata)).status, 401)
      const { body } = await suite()
        .as(tenant())
        .send<{ token: string }>('POST', '/api/v1/oauth-registration-tokens', { body: {} })
      assert.equal((await register(body.token, { ...metadata, 'stoa:consent': 'given' })).status, 400)
      assert.equal(
        (await register(body.token, { ...metadata, redirect_uris: ['https://guest.example.org/*'] })).status,
        400,
      )
      for (const client_uri of [
        'https://bank.example/',
        'http://guest.example.org/',
        'https://guest.example.org.evil/',
      ]) {
        assert.equal((await register(body.token, { ...metadata, client_uri })).status, 400, client_uri)
      }
      // One redirect is enough to run it: another one must not vouch for somebody else's website.
      for (const over of [
        { redirect_uris: ['https://evil.example/cb', 'https://bank.example/cb'] },
        { redirect_uris: ['http://localhost/cb', 'https://bank.example/cb'], application_type: 'native' },
        { redirect_uris: ['org.evil.app://bank.example/cb'], application_type: 'native' },
      ]) {
        const of = async (more: object) => (await register(body.token, { ...metadata, ...over, ...more })).status
        const statuses = [await of({}), await of({ client_uri: 'https://bank.example/' })]
        assert.deepEqual(statuses, [201, 400], over.redirect_uris.join())
      }
      const answer = await register(body.token, {
        ...metadata,
        client_uri: 'https://guest.example.org/about',
        grant_types: ['authorization_code', 'client_credentials'],
      })
      const made = (await answer.json()) as { client_id: string; client_secret: string }
      assert.equal(answer.status, 201, JSON.stringify(made))
      const person = await newPerson(suite(), tenant())
      await person.signIn()
      const config = await configOf(suite(), tenant(), made.client_id, made.client_secret)
      const application = { id: made.client_id, secret: made.client_secret, config }
      const asked = await ask(application, { redirect_uri: 'https://guest.example.org/callback', scope: 'openid' })
      const page = await person.open(asked.url)
      assert.match(page.html, /Let Guest in\?/)
      assert.match(
        page.html,
        /<a href="https:\/\/guest.example.org\/about" target="_blank" rel="noopener[^"]*">Its website: guest.example.org</,
      )
      await assert.rejects(client.clientCredentialsGrant(config, {}), client.ResponseBodyError)
    })

    it('shows people a website of an application by https alone', async () => {
      const added = (website: unknown) => {
        const body = { name: 'Shop', redirectUris: ['https://shop.example.org/callback'], website }
        return suite()
          .as(tenant())
          .send<{ client: { website: unknown }; errors: { pointer: string }[] }>('POST', '/api/v1/oauth-clients', {
            body,
          })
      }
      for (const website of [
        'http://shop.example.org/',
        'http://localhost/',
        'javascript:alert(1)',
        '//x',
        'https://a@b.example/',
        // In a page these are paths of the page's own host.
        'https:bank.example',
        'https:/bank.example/',
        'https:///bank.example/',
      ]) {
        const { body, status } = await added(website)
        assert.deepEqual([status, body.errors[0]?.pointer], [422, '/body/website'], website)
      }
      for (const website of [null, 'https://elsewhere.example/about?a=1']) {
        assert.deepEqual((await added(website)).body.client.website, website)
      }
      const [event] = await suite().events(({ data }) => data.website === 'https://elsewhere.example/about?a=1', 1)
      assert.equal(event?.type, 'identity.oauth_client_added')
    })

    it('tells where the request came from that it answered: of what it let in, took back and ended', async () => {
      for (const type of [
        'registration_token_added',
        'application_allowed',
        'token_revoked',
        'grant_revoked',
        'oauth_client_added',
        'session_ended',
      ]) {
        const trail = await suite().journal.audit(suite().ctx(tenant()), { type: `identity.${type}`, limit: 100 })
        assert.ok(trail.events.length > 0, type)
        for (const { place } of trail.events) assert.match(place?.addressPrefix ?? '', /\.0\/24$/, type)
      }
    })

    it('signs with the next key once that was published for long enough, and refuses no token for it', async () => {
      const person = await newPerson(suite(), tenant(), ['owner'])
      await person.signIn()
      const application = await newApplication(suite(), tenant())
      const over = { scope: 'openid identity:clients:read', resource: api() }
      const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid
      const before = await enter(person, application, over)
      const { body: next } = await suite()
        .as(tenant())
        .send<{ kid: string; state: string }>('POST', '/api/v1/signing-keys')
      assert.equal(next.state, 'published')
      const during = await enter(person, application, over)
      assert.equal(kidOf(during.access_token), kidOf(before.access_token))
      suite().clock.advance(901_000)
      const after = await eventually(
        () => client.refreshTokenGrant(application.config, during.refresh_token ?? '', { resource: api() }),
        () => true,
      )
      assert.equal(kidOf(after.access_token), next.kid)
      assert.equal((await suite().bearer(after.access_token).send('GET', '/api/v1/oauth-clients')).status, 200)
    })

    it('keeps nothing that opens anything: codes, tokens and secrets are hashes in the database', async () => {
      const person = await newPerson(suite(), tenant())
      await person.signIn()
      const application = await newApplication(suite(), tenant())
      const asked = await ask(application)
      const arrival = await person.open(asked.url)
      const code = arrival.url.searchParams.get('code') ?? ''
      const tokens = await exchange(application, asked, arrival)
      const text = await suite().db.admin(async (session) => {
        const rows = await session.query<{ row: string }>(
          'select oidc_records::text as row from stoa.oidc_records union all select oauth_clients::text from stoa.oauth_clients union all select signing_keys::text from stoa.signing_keys',
          [],
        )
        return rows.map(({ row }) => row).join('\n')
      })
      assert.ok(text.length > 1_000)
      for (const secret of [code, tokens.access_token, tokens.refresh_token, application.secret, 'PRIVATE KEY']) {
        assert.ok(secret && !text.includes(secret), secret ?? 'none')
      }
    })
  },
  { clock: runningClock, config: { allowPrivateApplications: true, accessTokenSeconds: 3_600 } },
)
