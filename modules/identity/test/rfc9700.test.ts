/*
 * What must not work: the rules of OAuth 2.0 Security Best Current Practice (RFC 9700), JWT BCP (RFC 8725), DPoP (RFC
 * 9449), and OpenID Connect, each by its name.
 */
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'
import { it } from 'node:test'
import { newId, type Tenant } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import * as client from 'openid-client'
import { SigningKeys } from '../src/openid/signing-keys.ts'
import { type Application, ask, CALLBACK, enter, exchange, newApplication } from './application.ts'
import { newPerson } from './person.ts'
import { describeOnEngines, runningClock } from './setup.ts'

const failed = (code: string) => (error: unknown) =>
  error instanceof client.ResponseBodyError && error.error === code ? true : assert.fail(error as Error)
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describeOnEngines(
  'the provider and the guard refuse',
  (suite) => {
    const tenant = () => suite().tenants.pooled
    const api = () => `${suite().url}/api/v1`
    const asks = async (token: string) => (await suite().bearer(token).send('GET', '/api/v1/oauth-clients')).status
    const nowSeconds = () => Math.floor(suite().clock.now() / 1_000)

    async function owner() {
      const person = await newPerson(suite(), tenant(), ['owner'])
      await person.signIn()
      return person
    }

    /** The key that a tenant signs with, as nobody but the installation has it. */
    async function keyOf(of: Tenant = tenant()) {
      const { db, journal } = suite()
      const key = Buffer.alloc(32, 'signing.keys')
      const keys = new SigningKeys({ db, journal, key, algorithm: 'ES256', publishSeconds: 0 })
      const [first] = (await keys.of(suite().ctx(of))).keys
      return first ?? assert.fail('no key')
    }

    const payload = (over: object = {}) => ({
      ...{ iss: suite().issuer(tenant()), aud: api(), tenant: tenant().id, scope: 'identity:clients:read' },
      ...{ sub: 'robot', client_id: 'robot', jti: newId(), iat: nowSeconds(), exp: nowSeconds() + 300, ...over },
    })

    function signed(header: object, claims: object, key: KeyObject): string {
      const text = `${part({ typ: 'at+jwt', alg: 'ES256', ...header })}.${part(claims)}`
      const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
      return `${text}.${signature.toString('base64url')}`
    }

    it('2.1.1 a code that was used before: what it gave is taken back', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      const asked = await ask(application)
      const arrival = await person.open(asked.url)
      const tokens = await exchange(application, asked, arrival)
      await assert.rejects(exchange(application, asked, arrival), failed('invalid_grant'))
      await assert.rejects(
        client.refreshTokenGrant(application.config, tokens.refresh_token ?? ''),
        failed('invalid_grant'),
      )
    })

    it('2.1.1 a code that is used by two at the same moment, but once', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      const asked = await ask(application)
      const arrival = await person.open(asked.url)
      const tries = await Promise.allSettled([1, 2, 3].map(() => exchange(application, asked, arrival)))
      assert.ok(tries.filter(({ status }) => status === 'fulfilled').length <= 1)
    })

    it('2.1.1 no PKCE, PKCE by plain, another verifier, none (downgrade)', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      const { url } = await ask(application)
      url.searchParams.delete('code_challenge')
      url.searchParams.delete('code_challenge_method')
      assert.equal((await person.open(url)).url.searchParams.get('error'), 'invalid_request')
      const plain = await ask(application, { code_challenge_method: 'plain' })
      assert.equal((await person.open(plain.url)).url.searchParams.get('error'), 'invalid_request')
      const asked = await ask(application)
      const other = { ...asked, verifier: client.randomPKCECodeVerifier() }
      await assert.rejects(exchange(application, other, await person.open(asked.url)), failed('invalid_grant'))
      const again = await ask(application)
      const back = await person.open(again.url)
      const without = client.authorizationCodeGrant(application.config, back.url, {
        ...{ expectedState: again.state, expectedNonce: again.nonce },
      })
      await assert.rejects(without, failed('invalid_grant'))
    })

    it('2.1 a redirect URI that differs by one character, and leads nobody there', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      for (const redirect_uri of [
        `${CALLBACK}/`,
        CALLBACK.slice(0, -1),
        CALLBACK.toUpperCase(),
        `${CALLBACK}?x=1`,
        CALLBACK.replace('https', 'http'),
        `${CALLBACK}#`,
        CALLBACK.replace('app.', 'app.app.'),
        'https://app.example.org@evil.example/callback',
      ]) {
        const page = await person.open((await ask(application, { redirect_uri })).url)
        assert.deepEqual([page.status, page.url.origin], [400, suite().url], redirect_uri)
      }
      const asked = await ask(application)
      const { url } = await person.open(asked.url)
      const moved = new URL(url)
      moved.pathname = '/callback2'
      const checks = { pkceCodeVerifier: asked.verifier, expectedState: asked.state, expectedNonce: asked.nonce }
      const elsewhere = client.authorizationCodeGrant(application.config, moved, checks)
      await assert.rejects(elsewhere, failed('invalid_grant'))
    })

    it('RFC 8252 7.3 an application on a device comes back to any port of its own; 8.6 people are asked each time it is new', async () => {
      const over = { applicationType: 'native', authMethod: 'none', redirectUris: ['http://127.0.0.1/callback'] }
      const application = await newApplication(suite(), tenant(), over)
      const person = await newPerson(suite(), tenant())
      await person.signIn()
      const open = async (redirect_uri: string) => person.open((await ask(application, { redirect_uri })).url)
      const asked = await open('http://127.0.0.1:51004/callback')
      assert.equal(asked.status, 200, 'the organisation’s word for it is not enough')
      const back = await person.submit(asked, { answer: 'allow' })
      assert.equal(back.url.origin + back.url.pathname, 'http://127.0.0.1:51004/callback')
      assert.ok(back.url.searchParams.get('code'))
      for (const wrong of [
        'http://127.0.0.1:51004/other',
        'http://127.0.0.2:51004/callback',
        'https://127.0.0.1:51004/callback',
      ]) {
        assert.equal((await open(wrong)).status, 400, wrong)
      }
    })

    it('4.4 mix-up: every answer names its issuer', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      const good = await person.open((await ask(application)).url)
      assert.equal(good.url.searchParams.get('iss'), suite().issuer(tenant()))
      const bad = await person.open((await ask(application, { prompt: 'nonsense' })).url)
      assert.equal(bad.url.searchParams.get('iss'), suite().issuer(tenant()))
    })

    it('2.1.2 the implicit grant; 2.4 the password grant', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      for (const response_type of ['token', 'id_token', 'code token', 'none']) {
        const { url } = await person.open((await ask(application, { response_type })).url)
        assert.match(
          url.searchParams.get('error') ?? url.hash,
          /unsupported_response_type|unauthorized_client|invalid_request/,
        )
        assert.ok(!url.href.includes('access_token'))
      }
      const grant = client.genericGrantRequest(application.config, 'password', {
        username: person.email,
        password: 'x',
      })
      await assert.rejects(grant, failed('unsupported_grant_type'))
    })

    /** A token that is bound to a key, who proves to have that, and the API asked with both. */
    async function boundToken() {
      const person = await owner()
      const application = await newApplication(suite(), tenant(), { dpopBound: true })
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
      const prove = (method: string, url: string, over: object = {}) => {
        const text = `${part({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })}.${part({ htm: method, htu: url, jti: newId(), iat: nowSeconds(), ...over })}`
        return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
      }
      const asked = await ask(application, { scope: 'openid identity:clients:read', resource: api() })
      const { url } = await person.open(asked.url)
      const body = new URLSearchParams({
        ...{ grant_type: 'authorization_code', code: url.searchParams.get('code') ?? '', redirect_uri: CALLBACK },
        ...{ code_verifier: asked.verifier, resource: api() },
      })
      const authorization = `Basic ${Buffer.from(`${application.id}:${application.secret}`).toString('base64')}`
      const token = `${suite().issuer(tenant())}/token`
      const answer = await fetch(token, {
        method: 'POST',
        body,
        headers: { authorization, dpop: prove('POST', token) },
      })
      const { access_token: bound } = (await answer.json()) as { access_token: string }
      assert.equal(answer.status, 200)
      const ath = hash('sha256', bound, 'base64url')
      const address = `${suite().url}/api/v1/oauth-clients`
      const call = async (proof: string | null, scheme = 'DPoP') => {
        const headers = { authorization: `${scheme} ${bound}`, ...(proof !== null && { dpop: proof }) }
        return (await fetch(`${address}?limit=1`, { headers })).status
      }
      return { address, ath, call, prove }
    }

    it('4.10.1 a stolen token of a client that is bound to a key: without a proof, as a bearer token, by one of something else', async () => {
      const { address, ath, call, prove } = await boundToken()
      assert.equal(await call(prove('GET', address, { ath })), 200)
      assert.equal(await call(null), 401, 'no proof')
      assert.equal(await call(null, 'Bearer'), 401, 'as a bearer token')
      assert.equal(await call(prove('POST', address, { ath })), 401, 'another method')
      assert.equal(await call(prove('GET', `${address}/x`, { ath })), 401, 'another address')
      assert.equal(await call(prove('GET', address, { ath: hash('sha256', 'x', 'base64url') })), 401, 'another token')
      assert.equal(await call(prove('GET', address, { ath, iat: nowSeconds() - 50 })), 200, 'a clock that is behind')
      assert.equal(await call(prove('GET', address, { ath, iat: nowSeconds() + 50 })), 200, 'a clock that is ahead')
      assert.equal(await call(prove('GET', address, { ath, iat: nowSeconds() - 120 })), 401, 'too old')
      assert.equal(await call(prove('GET', address, { ath, iat: nowSeconds() + 120 })), 401, 'not yet')
    })

    it('RFC 9449 11.1 a replayed DPoP proof: each is taken once, also when many come at the same moment', async () => {
      const { address, ath, call, prove } = await boundToken()
      const proof = prove('GET', address, { ath })
      assert.equal(await call(proof), 200)
      assert.equal(await call(proof), 401)
      const same = prove('GET', address, { ath })
      const statuses = await Promise.all([call(same), call(same), call(same)])
      assert.deepEqual(statuses.sort(), [200, 401, 401])
      assert.equal(await call(prove('GET', address, { ath })), 200, 'a new one is good')
    })

    it('RFC 8628 5.1 guessing the code of a device: twenty tries of an address, then waits; the right one does not count', async () => {
      const person = await owner()
      const application = await newApplication(suite(), tenant(), {
        ...{ applicationType: 'native', authMethod: 'none', grantTypes: ['device_code'], redirectUris: [] },
      })
      const begun = await client.initiateDeviceAuthorization(application.config, { scope: 'openid' })
      const right = new RegExp(begun.user_code)
      let page = await person.open(begun.verification_uri)
      assert.match((await person.submit(page, { user_code: begun.user_code })).html, right)
      for (let tries = 0; tries < 20; tries++) {
        page = await person.submit(page, { user_code: 'BBBB-BBBB' })
        assert.match(page.html, /No device shows this code/)
      }
      const held = await person.submit(page, { user_code: begun.user_code })
      assert.equal(held.status, 429)
      assert.ok(Number(held.headers.get('retry-after')) >= 1)
      assert.doesNotMatch(held.html, right)
      suite().clock.advance(10_000)
      for (const _again of [1, 2]) {
        assert.match((await person.submit(page, { user_code: begun.user_code })).html, right)
      }
    })

    it('2.5 a client that proves itself by a key (RFC 7523): an assertion that was shown, is too old, or for another; 50 s of skew hold', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] }
      const robot = { grantTypes: ['client_credentials'], redirectUris: [], scopes: ['identity:clients:read'] }
      const body = { name: 'Robot', authMethod: 'private_key_jwt', jwks, ...robot }
      const made = await suite()
        .as(tenant())
        .send<{ client: { id: string } }>('POST', '/api/v1/oauth-clients', { body })
      assert.equal(made.status, 201, JSON.stringify(made.body))
      const { id } = made.body.client
      const issuer = suite().issuer(tenant())
      const assertion = (over: object = {}) => {
        const claims = {
          iss: id,
          sub: id,
          aud: issuer,
          jti: newId(),
          iat: nowSeconds(),
          exp: nowSeconds() + 60,
          ...over,
        }
        return signed({ typ: 'JWT' }, claims, privateKey)
      }
      const call = async (shown: string) => {
        const form = {
          ...{ grant_type: 'client_credentials', client_assertion: shown },
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        }
        return (await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(form) })).status
      }
      const good = assertion()
      assert.equal(await call(good), 200)
      assert.equal(await call(good), 401, 'replayed')
      assert.equal(await call(assertion({ exp: nowSeconds() - 50 })), 200, 'a clock that is behind')
      assert.equal(await call(assertion({ nbf: nowSeconds() + 50 })), 200, 'a clock that is ahead')
      assert.equal(await call(assertion({ exp: nowSeconds() - 120 })), 401)
      assert.equal(await call(assertion({ nbf: nowSeconds() + 120 })), 401)
      assert.equal(await call(assertion({ aud: suite().issuer(suite().tenants.neighbour) })), 401, 'another issuer')
      assert.equal(await call(assertion({ sub: newId() })), 401, 'another client')
      const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const claims = { iss: id, sub: id, aud: issuer, jti: newId(), iat: nowSeconds(), exp: nowSeconds() + 60 }
      assert.equal(await call(signed({ typ: 'JWT' }, claims, other)), 401, 'another key')
    })

    it('a forged hint at the sign-out: of another key, of another tenant, alg:none', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      await enter(person, application)
      const claims = (over: object = {}) => ({
        ...{ iss: suite().issuer(tenant()), aud: application.id, sub: person.id, iat: nowSeconds() },
        ...{ exp: nowSeconds() + 300, ...over },
      })
      const { kid } = await keyOf()
      const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const neighbour = await keyOf(suite().tenants.neighbour)
      for (const hint of [
        signed({ kid, typ: 'JWT' }, claims(), other),
        signed({ kid: neighbour.kid, typ: 'JWT' }, claims(), neighbour.privateKey),
        `${part({ alg: 'none' })}.${part(claims())}.`,
      ]) {
        const page = await person.open(`${suite().issuer(tenant())}/session/end?id_token_hint=${hint}`)
        assert.equal(page.status, 400)
      }
      await enter(person, application, { prompt: 'none' })
    })

    it('RFC 8725 3.1 alg:none', async () => {
      const { kid, privateKey } = await keyOf()
      const good = signed({ kid }, payload(), privateKey)
      assert.equal(await asks(good), 200)
      for (const alg of ['none', 'None', 'NONE', '']) {
        const head = part({ alg, typ: 'at+jwt', kid })
        assert.equal(await asks(`${head}.${part(payload())}.`), 401)
        assert.equal(await asks(`${head}.${part(payload())}.${good.split('.')[2]}`), 401)
      }
    })

    it('RFC 8725 3.1 key confusion: another algorithm than the key has, a symmetric one with the public key', async () => {
      const { kid, privateKey, publicJwk } = await keyOf()
      assert.equal(await asks(signed({ kid, alg: 'EdDSA' }, payload(), privateKey)), 401)
      const pem = createPublicKey({ key: publicJwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      for (const secret of [pem as string, JSON.stringify(publicJwk)]) {
        const text = `${part({ alg: 'HS256', typ: 'at+jwt', kid })}.${part(payload())}`
        assert.equal(await asks(`${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`), 401)
      }
    })

    it('RFC 8725 3.10 a key that the token brings itself', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const { kid } = await keyOf()
      const jwk = publicKey.export({ format: 'jwk' })
      assert.equal(await asks(signed({ kid, jwk }, payload(), privateKey)), 401)
      assert.equal(await asks(signed({ kid, jku: 'https://evil.example/jwks' }, payload(), privateKey)), 401)
    })

    it('RFC 8725 3.10 kid injection: one that is no name of a key', async () => {
      const { kid, privateKey } = await keyOf()
      for (const other of ['unknown-key-id', "x' or '1'='1", '../../etc/passwd', '', 'a'.repeat(10_000), 7, null, {}]) {
        assert.equal(await asks(signed({ kid: other }, payload(), privateKey)), 401, String(other))
      }
      assert.equal(await asks(signed({ kid, crit: ['exp'] }, payload(), privateKey)), 401)
    })

    /** What a token is answered, which is good but for these claims. */
    async function statusWith(over: object): Promise<number> {
      const { kid, privateKey } = await keyOf()
      return asks(signed({ kid }, payload(over), privateKey))
    }

    it('RFC 9068 4 expired; within 60 s of skew it holds', async () => {
      assert.equal(await statusWith({ exp: nowSeconds() - 61 }), 401)
      assert.equal(await statusWith({ exp: nowSeconds() - 55 }), 200)
      assert.equal(await statusWith({ exp: undefined }), 401)
      assert.equal(await statusWith({ exp: 'tomorrow' }), 401)
    })

    it('RFC 9068 4 not yet valid; within 60 s of skew it is', async () => {
      assert.equal(await statusWith({ nbf: nowSeconds() + 70 }), 401)
      assert.equal(await statusWith({ nbf: nowSeconds() + 55 }), 200)
      assert.equal(await statusWith({ iat: nowSeconds() + 70 }), 401)
      assert.equal(await statusWith({ iat: nowSeconds() + 55 }), 200)
    })

    it('RFC 9068 4, RFC 9700 4.10.2 wrong audience', async () => {
      assert.equal(await statusWith({ aud: api() }), 200)
      assert.equal(await statusWith({ aud: 'https://elsewhere.example.org/' }), 401)
      assert.equal(await statusWith({ aud: `${api()}/` }), 401)
      assert.equal(await statusWith({ aud: undefined }), 401)
    })

    it('RFC 9068 4 a token of another tenant, or of its issuer; one that is bound to what nobody checks', async () => {
      const neighbour = suite().tenants.neighbour
      assert.equal(await statusWith({ iss: suite().issuer(neighbour) }), 401)
      assert.equal(await statusWith({ tenant: neighbour.id }), 401)
      assert.equal(await statusWith({ iss: suite().issuer(neighbour), tenant: neighbour.id }), 401)
      assert.equal(await statusWith({ cnf: { 'x5t#S256': 'a' } }), 401)
    })

    it('RFC 8725 3.11 an ID token, or a logout token, as an access token', async () => {
      const tokens = await enter(await owner(), await newApplication(suite(), tenant()))
      assert.equal(await asks(tokens.id_token ?? ''), 401)
      const { kid, privateKey } = await keyOf()
      for (const typ of ['JWT', 'logout+jwt', undefined]) {
        assert.equal(await asks(signed({ kid, typ }, payload(), privateKey)), 401)
      }
    })

    it('a code, a client and a refresh token at another tenant', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      const tokens = await enter(person, application)
      const elsewhere = `${suite().issuer(suite().tenants.neighbour)}/token`
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' })
      const authorization = `Basic ${Buffer.from(`${application.id}:${application.secret}`).toString('base64')}`
      const answer = await fetch(elsewhere, { method: 'POST', body, headers: { authorization } })
      assert.equal(answer.status, 401)
    })

    it('4.5 a code, or a refresh token, of another client', async () => {
      const person = await owner()
      const [application, thief] = [await newApplication(suite(), tenant()), await newApplication(suite(), tenant())]
      const asked = await ask(application)
      await assert.rejects(
        exchange({ ...application, config: thief.config }, asked, await person.open(asked.url)),
        failed('invalid_grant'),
      )
      const { refresh_token: token = '' } = await enter(person, application)
      await assert.rejects(client.refreshTokenGrant(thief.config, token), failed('invalid_grant'))
    })

    it('session fixation: a cookie of the provider that was planted, or names somebody’s session, is nobody’s', async () => {
      const [victim, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      const session = await victim.signIn()
      await enter(victim, application)
      const thief = await newPerson(suite(), tenant())
      thief.plant('stoa-visit', session, `/t/${tenant().slug}`)
      const page = await thief.open((await ask(application)).url)
      assert.match(page.url.pathname, /\/sign-in$/)
    })

    it('CSRF on consent: without the form’s token, or by another browser, nothing is allowed', async () => {
      const application = await newApplication(suite(), tenant(), { consent: 'ask' })
      const [thief, victim] = [await owner(), await owner()]
      const page = await thief.open((await ask(application)).url)
      const refused = await thief.submit(page, { answer: 'allow', token_form: 'forged' })
      assert.equal(refused.status, 403)
      assert.equal(refused.url.origin, suite().url)
      const lured = await victim.open(page.url)
      assert.equal(lured.status, 400)
      assert.doesNotMatch(lured.html, /Let Shop in/)
    })

    it('4.16 framing, scripts of others and leaking addresses, on every page of the provider', async () => {
      const application = await newApplication(suite(), tenant(), { consent: 'ask' })
      const person = await owner()
      for (const url of [
        (await ask(application)).url,
        (await ask(application, { redirect_uri: 'https://evil.example/' })).url,
        `${suite().issuer(tenant())}/device`,
        `${suite().issuer(tenant())}/session/end`,
      ]) {
        const { headers, html } = await person.open(url)
        assert.match(
          headers.get('content-security-policy') ?? '',
          /default-src 'none'.*frame-ancestors 'none'/,
          String(url),
        )
        assert.equal(headers.get('cache-control'), 'no-store')
        assert.doesNotMatch(html, /<script/)
      }
    })

    it('4.11 open redirects: after signing out, too', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      const { id_token: hint = '' } = await enter(person, application)
      const url = client.buildEndSessionUrl(application.config, {
        ...{ id_token_hint: hint, post_logout_redirect_uri: 'https://evil.example/' },
      })
      const page = await person.open(url)
      assert.deepEqual([page.status, page.url.origin], [400, suite().url])
    })

    it('signing out by a link alone: it asks first, and its form has a secret', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      await enter(person, application)
      await person.open(`${suite().issuer(tenant())}/session/end`)
      const forged = await fetch(`${suite().issuer(tenant())}/session/end/confirm`, {
        ...{ method: 'POST', body: new URLSearchParams({ xsrf: 'x', logout: 'yes' }) },
        headers: { cookie: `stoa-session=${person.cookie('stoa-session')}` },
      })
      assert.equal(forged.status, 400)
      await enter(person, application, { prompt: 'none' })
    })

    it('2.5 a wrong secret, two ways at once, and a secret where none belongs', async () => {
      const application = await newApplication(suite(), tenant(), {
        grantTypes: ['client_credentials'],
        redirectUris: [],
      })
      const call = (headers: Record<string, string>, more: Record<string, string> = {}) =>
        fetch(`${suite().issuer(tenant())}/token`, {
          ...{ method: 'POST', headers },
          body: new URLSearchParams({ grant_type: 'client_credentials', ...more }),
        })
      const basic = (secret: string) => ({
        authorization: `Basic ${Buffer.from(`${application.id}:${secret}`).toString('base64')}`,
      })
      assert.equal((await call(basic(application.secret ?? ''))).status, 200)
      assert.equal((await call(basic('wrong'))).status, 401)
      assert.equal((await call({}, { client_id: application.id })).status, 401)
      const both = await call(basic(application.secret ?? ''), { client_secret: application.secret ?? '' })
      assert.equal(both.status, 400)
      const stored = hash('sha256', application.secret ?? '', 'base64url')
      assert.equal((await call(basic(stored))).status, 401, 'what is stored opens nothing')
    })

    it('scopes that a client was not given, and clients that could do more than who makes them', async () => {
      const person = await owner()
      const application: Application = await newApplication(suite(), tenant(), { scopes: ['openid', 'notes:read'] })
      const tokens = await enter(person, application, {
        scope: 'openid notes:read identity:clients:read',
        resource: api(),
      })
      assert.equal(await asks(tokens.access_token), 403)
      const weak = suite().as(tenant(), 'identity:clients:write', 'notes:read')
      const make = async (over: object) => {
        const body = { name: 'Climber', redirectUris: [CALLBACK], ...over }
        return (await weak.send('POST', '/api/v1/oauth-clients', { body })).status
      }
      assert.equal(await make({ scopes: ['openid', 'notes:read'] }), 201)
      assert.equal(await make({ scopes: ['openid', 'notes:write'] }), 403)
      assert.equal(await make({ scopes: ['*'] }), 403)
      assert.equal(await make({ registered: true }), 422)
      assert.equal(await make({ createdBy: 'person:x' }), 422)
    })

    it('redirect URIs that could be read in two ways, when they are registered', async () => {
      for (const uri of [
        'https://app.example.org/*',
        'http://app.example.org/callback',
        'https://app.example.org/callback#x',
        'https://name@app.example.org/',
        'https://app.example.org/a/../b',
        'javascript:alert(1)',
        'data:text/html,x',
        'https://app.example.org\\@evil.example/',
      ]) {
        const body = { name: 'Odd', redirectUris: [uri] }
        const { status } = await suite().as(tenant()).send('POST', '/api/v1/oauth-clients', { body })
        assert.equal(status, 422, uri)
      }
    })

    it('a token of a client that was removed, or has another secret', async () => {
      const made = await newApplication(suite(), tenant(), {
        ...{ grantTypes: ['client_credentials'], redirectUris: [], scopes: ['identity:clients:read'] },
      })
      const first = await client.clientCredentialsGrant(made.config, {})
      assert.equal(await asks(first.access_token), 200)
      suite().clock.advance(1_500)
      const path = `/api/v1/oauth-clients/${made.id}`
      const rotated = await suite()
        .as(tenant())
        .send('POST', `${path}/secret`, { headers: { 'if-match': '"1"' } })
      assert.equal(rotated.status, 200)
      await eventually(
        () => asks(first.access_token),
        (status) => status === 401,
      )
      await assert.rejects(client.clientCredentialsGrant(made.config, {}))
      assert.equal((await suite().as(tenant()).send('DELETE', path)).status, 204)
    })

    it('a person who is suspended, or leaves the tenant, within a second', async () => {
      const [person, application] = [await owner(), await newApplication(suite(), tenant())]
      const over = { scope: 'openid identity:clients:read', resource: api() }
      const tokens = await enter(person, application, over)
      assert.equal(await asks(tokens.access_token), 200)
      const suspended = await suite().as(tenant()).send('POST', `/api/v1/members/${person.id}/suspension`)
      assert.ok(suspended.status < 300, JSON.stringify(suspended.body))
      await eventually(
        () => asks(tokens.access_token),
        (status) => status === 401,
      )
      await assert.rejects(
        client.refreshTokenGrant(application.config, tokens.refresh_token ?? ''),
        failed('invalid_grant'),
      )
    })
  },
  { clock: runningClock },
)
