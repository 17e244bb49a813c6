/* The issuer of a tenant at a host of its own, as the world sees it behind a proxy with TLS. */
import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { request } from 'node:http'
import { it } from 'node:test'
import { newId, type Tenant } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import * as client from 'openid-client'
import { SigningKeys } from '../src/openid/signing-keys.ts'
import { continueTo } from '../src/pages/continue-to.ts'
import { addMembership, personByEmail } from '../src/people/person-store.ts'
import { Sessions } from '../src/sign-in/sessions.ts'
import { type Application, ask, configOf, enter, exchange, listener, newApplication } from './application.ts'
import { CLIENT, OtherProvider } from './other-provider.ts'
import { type Arrival, newPerson, Person } from './person.ts'
import { describeOnEngines, runningClock } from './setup.ts'
import { atApi, PASSWORD, register, waitForLocks } from './story.ts'
import { txtRecords, zone } from './zone.ts'

const PUBLIC = 'https://stoa.example.org'
const API = `${PUBLIC}/api/v1`
const path = '/api/v1/issuer-hosts'
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

it('a page at a host of its own leads on to paths of that host and to nothing else (open redirect)', () => {
  const others = ['//evil.example', '/.//evil.example', '/a/..//evil.example', '/\\evil.example', '/\t/evil.example']
  for (const text of [
    ...others,
    '/ /evil.example',
    'https://evil.example/',
    '@evil.example',
    'javascript:alert(1)',
    '',
  ]) {
    assert.equal(continueTo(text, ''), null, text)
  }
  assert.equal(continueTo('/interaction/1?a=b', ''), '/interaction/1?a=b')
  assert.equal(continueTo('/@evil.example', ''), '/@evil.example', 'a path like any other')
})

describeOnEngines(
  'the issuer at a host of the tenant’s own',
  (suite, itOnServer) => {
    const tenant = () => suite().tenants.pooled
    const neighbour = () => suite().tenants.neighbour
    const asks = async (token: string) => (await suite().bearer(token).send('GET', '/api/v1/oauth-clients')).status

    /** A proven host; those of before are gone. */
    async function proven(of: Tenant = tenant()) {
      const api = suite().as(of)
      for (const { id } of (await api.get(path)).body.items) {
        await api.delete(`${path}/${id}/activation`)
        await api.delete(`${path}/${id}`)
      }
      const host = `id-${newId().slice(-12)}.example.com`
      const { id, issuer, proof } = (await api.post(path, { host })).body
      zone.set(proof.name, [proof.value])
      assert.equal((await api.post(`${path}/${id}/verification`)).body.status, 'verified')
      suite().ownHosts.add(host)
      const activate = async () => assert.equal((await api.post(`${path}/${id}/activation`)).body.status, 'active')
      return {
        id,
        host,
        issuer: String(issuer),
        proof,
        activate,
        deactivate: () => api.delete(`${path}/${id}/activation`),
      }
    }

    async function ownHost(of?: Tenant) {
      const host = await proven(of)
      await host.activate()
      return host
    }

    /** Somebody with a password, who is nowhere signed in. */
    async function member(of: Tenant = tenant()) {
      const { email } = await register(suite(), of, suite().browser())
      return new Person(suite(), '', email)
    }

    async function signIn(person: Person, issuer: string, query = '') {
      return person.submit(await person.open(`${issuer}/sign-in${query}`), { email: person.email, password: PASSWORD })
    }

    async function at(address: string, init: RequestInit = {}) {
      const { headers, url } = suite().reach(new URL(address)) ?? assert.fail(address)
      return fetch(url, { redirect: 'manual', ...init, headers: { ...init.headers, ...headers } })
    }

    it('is found there, and people sign in there for an application', async () => {
      const { host, issuer } = await ownHost()
      const application = await newApplication(suite(), tenant(), { issuer })
      const metadata = application.config.serverMetadata()
      assert.equal(metadata.issuer, `https://${host}`)
      for (const [name, value] of Object.entries(metadata)) {
        if (name.endsWith('_endpoint') || name === 'jwks_uri') assert.ok(String(value).startsWith(`${issuer}/`), name)
      }
      const plain = await configOf(suite(), tenant(), application.id, application.secret, issuer, 'oauth2')
      assert.equal(plain.serverMetadata().token_endpoint, metadata.token_endpoint)
      const person = await member()
      const asked = await ask(application, { scope: 'openid email offline_access', prompt: 'consent' })
      const page = await person.open(asked.url)
      assert.equal(page.url.origin + page.url.pathname, `${issuer}/sign-in`)
      const consent = await person.submit(page, { email: person.email, password: PASSWORD })
      assert.ok(consent.url.href.startsWith(`${issuer}/interaction/`), consent.url.href)
      const back = await person.submit(consent, { answer: 'allow' })
      assert.equal(back.url.searchParams.get('iss'), issuer)
      const tokens = await exchange(application, asked, back)
      assert.equal(tokens.claims()?.iss, issuer)
      const info = await client.fetchUserInfo(application.config, tokens.access_token, tokens.claims()?.sub ?? '')
      assert.equal(info.email, person.email)
      const next = await client.refreshTokenGrant(application.config, tokens.refresh_token ?? '')
      assert.equal(next.claims()?.iss, issuer)
    })

    it('gives out access tokens that the guard believes, in this tenant alone', async () => {
      const [{ issuer }, other] = [await ownHost(), await ownHost(neighbour())]
      const body = { grantTypes: ['client_credentials'], redirectUris: [], scopes: ['identity:clients:read'] }
      const robot = await newApplication(suite(), tenant(), { ...body, issuer })
      const { access_token: token } = await client.clientCredentialsGrant(robot.config)
      assert.deepEqual([claimsOf(token).iss, claimsOf(token).aud, await asks(token)], [issuer, API, 200])
      const { body: seen } = await suite().bearer(token).get('/api/v1/oauth-clients')
      assert.ok(seen.data.some(({ id }: { id: string }) => id === robot.id))
      const { db, journal } = suite()
      const keyOf = async (of: Tenant) => {
        const key = Buffer.alloc(32, 'signing.keys')
        const keys = new SigningKeys({ db, journal, key, algorithm: 'ES256', publishSeconds: 0 })
        return (await keys.of(suite().ctx(of))).keys[0] ?? assert.fail('no key')
      }
      const { kid, privateKey } = await keyOf(tenant())
      const forged = (over: object) => {
        const text = `${part({ typ: 'at+jwt', alg: 'ES256', kid })}.${part({ ...claimsOf(token), jti: newId(), ...over })}`
        const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
        return `${text}.${signature.toString('base64url')}`
      }
      assert.equal(await asks(forged({})), 200)
      assert.equal(await asks(forged({ iss: suite().issuer(tenant()) })), 200, 'the path is a name of it for ever')
      for (const iss of [other.issuer, suite().issuer(neighbour()), 'https://id.unknown.example', `${issuer}/`, null]) {
        assert.equal(await asks(forged({ iss })), 401, String(iss))
      }
      assert.equal(await asks(forged({ iss: other.issuer, tenant: neighbour().id })), 401)
    })

    it('is at one place: elsewhere there are no endpoints, and it is said where they are', async () => {
      const host = await proven()
      const places = [suite().issuer(tenant()), host.issuer]
      const found = (place: string) => at(`${place}/.well-known/openid-configuration`)
      assert.deepEqual([(await found(places[0] ?? '')).status, (await found(host.issuer)).status], [200, 404])
      await host.activate()
      const away = await found(places[0] ?? '')
      assert.equal(away.status, 404)
      assert.ok((await away.text()).includes(host.issuer))
      for (const rest of ['nowhere', 'authorize', '.well-known/openid-configuration']) {
        const shown = await at(`${places[0]}/${rest}`, { headers: { accept: 'text/html' } })
        assert.deepEqual([shown.status, shown.headers.get('content-type')], [404, 'text/html; charset=utf-8'], rest)
      }
      for (const [method, rest] of [
        ['POST', 'token'],
        ['GET', 'authorize'],
        ['GET', 'jwks'],
      ] as const) {
        assert.equal((await at(`${places[0]}/${rest}`, { method })).status, 404, rest)
        assert.notEqual((await at(`${host.issuer}/${rest}`, { method })).status, 404, rest)
      }
      const beside = `${PUBLIC}/.well-known/oauth-authorization-server/t/${tenant().slug}`
      assert.equal((await at(beside)).status, 404)
      await host.deactivate()
      const back = [await found(places[0] ?? ''), await at(beside), await found(host.issuer)]
      assert.deepEqual(
        back.map(({ status }) => status),
        [200, 200, 404],
      )
    })

    it('has the host for itself: another host is not served, and nothing else of the program is there', async () => {
      const { host } = await ownHost()
      const raw = (named: string, target: string) => {
        const { promise, resolve, reject } = Promise.withResolvers<number>()
        const asked = request(`${suite().url}/`, { path: target, headers: { host: named } }, (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
        asked.on('error', reject).end()
        return promise
      }
      const discovery = '/.well-known/openid-configuration'
      for (const named of [host, `${host}:8443`, host.toUpperCase(), `${host}.`]) {
        assert.equal(await raw(named, discovery), 200, named)
      }
      for (const named of [`x.${host}`, 'example.com', 'stoa.example.org'])
        assert.equal(await raw(named, discovery), 404)
      const { slug } = neighbour()
      const others = ['/health/live', '/openapi.json', '/tls/ask?domain=x', path, `/t/${tenant().slug}/sign-in`]
      for (const target of [
        ...others,
        `/../${slug}/sign-in`,
        `//${slug}/sign-in`,
        `/t/${slug}/sign-in`,
        '/%2e%2e/x',
        '/x',
      ]) {
        assert.equal(await raw(host, target), 404, target)
      }
    })

    it('holds what was given out before, but by a name that is the tenant’s no more', async () => {
      const host = await proven()
      const scopes = { scope: 'openid identity:clients:read', resource: API }
      const person = await newPerson(suite(), tenant(), ['owner'])
      await person.signIn()
      const application = await newApplication(suite(), tenant())
      person.plant('__Host-stoa-session', person.cookie('stoa-session') ?? '', '/', 'stoa.example.org')
      const before = await enter(person, application, scopes)
      assert.equal(await asks(before.access_token), 200)
      await host.activate()
      assert.equal(await asks(before.access_token), 200)
      const moved = await configOf(suite(), tenant(), application.id, application.secret, host.issuer)
      const after = await client.refreshTokenGrant(moved, before.refresh_token ?? '', { resource: API })
      assert.deepEqual([claimsOf(after.access_token).iss, await asks(after.access_token)], [host.issuer, 200])
      await host.deactivate()
      assert.equal(await asks(after.access_token), 200)
      assert.equal((await suite().as(tenant()).delete(`${path}/${host.id}`)).status, 204)
      assert.deepEqual([await asks(after.access_token), await asks(before.access_token)], [401, 200])
    })

    it('goes home when the host is lost, and what was signed in there opens nothing of its new owner', async () => {
      const host = await ownHost()
      const person = await member()
      await signIn(person, host.issuer)
      const api = suite().as(neighbour())
      const theirs = (await api.post(path, { host: host.host })).body
      zone.set(theirs.proof.name, [theirs.proof.value])
      assert.equal((await api.post(`${path}/${theirs.id}/verification`)).body.status, 'verified')
      assert.equal((await api.post(`${path}/${theirs.id}/activation`)).body.status, 'active')
      assert.equal((await at(`${suite().issuer(tenant())}/.well-known/openid-configuration`)).status, 200)
      const there = await (await at(`${host.issuer}/jwks`)).json()
      const home = await (await at(`${suite().issuer(tenant())}/jwks`)).json()
      assert.notDeepEqual(there, home)
      const page = await person.open(`${host.issuer}/home`)
      assert.equal(page.url.pathname, '/sign-in')
    })

    it('keeps sessions that were begun there to the tenant, also when they are proven again', async () => {
      const { host, issuer } = await ownHost()
      const person = await member()
      await suite().db.system(suite().ctx(tenant()), async (tx) => {
        const { id: personId = '' } = (await personByEmail(tx, person.email)) ?? {}
        const membership = { tenantId: neighbour().id, personId, roleNames: ['member'], status: 'active' } as const
        await addMembership(tx, membership, 'test', new Date(suite().clock.now()))
      })
      const home = await signIn(person, issuer)
      assert.deepEqual([home.url.href, home.status], [`${issuer}/home`, 200])
      assert.ok(home.html.includes(`href="${suite().issuer(tenant())}/account"`))
      const bound = async () => {
        const token = person.cookie('__Host-stoa-session', host) ?? assert.fail('no session')
        person.plant('__Host-stoa-session', token, '/', 'stoa.example.org')
        const elsewhere = await person.open(`${suite().issuer(neighbour())}/home`)
        const here = await person.open(`${suite().issuer(tenant())}/home`)
        return [elsewhere.url.pathname.split('/').at(-1), here.url.pathname.split('/').at(-1)]
      }
      assert.deepEqual(await bound(), ['sign-in', 'account'])
      const step = await person.open(`${issuer}/step-up`)
      const stepped = await person.submit(step, { password: PASSWORD })
      assert.deepEqual([stepped.url.href, stepped.status], [`${issuer}/home`, 200])
      assert.deepEqual(await bound(), ['sign-in', 'account'])
      assert.equal(person.cookie('__Host-stoa-session', 'x'), undefined)
    })

    it('has the pages of signing in; what is a person’s own is at the installation', async () => {
      const { issuer } = await ownHost()
      const person = await member()
      const home = suite().issuer(tenant())
      const pages = [
        'account',
        'security',
        'personal-data',
        'reset',
        'register',
        'verify',
        'confirm-email',
        'invitation',
      ]
      for (const page of pages) {
        const answer = await at(`${issuer}/${page}?lang=hi&token=x`)
        assert.deepEqual([answer.status, answer.headers.get('location')], [303, `${home}/${page}?lang=hi&token=x`])
      }
      assert.equal((await at(issuer)).headers.get('location'), '/home')
      const page = await person.open(`${issuer}/sign-in?continue=/interaction/x`)
      assert.ok(!page.html.includes('publicKey') && !page.html.includes('<script'), page.html)
      assert.ok(page.html.includes('href="/sign-in?continue=%2Finteraction%2Fx&amp;lang=hi"'), page.html)
      for (const next of ['//evil.example/x', '/\\evil.example', 'https://evil.example/', `${home}/account`, 'x']) {
        const shown = await person.open(`${issuer}/sign-in?continue=${encodeURIComponent(next)}`)
        const where = await person.submit(shown, { email: person.email, password: PASSWORD })
        assert.equal(where.url.href, `${issuer}/home`, next)
        await person.submit(await person.open(`${issuer}/sign-out`))
      }
      const withScript = await person.open(`${home}/sign-in`)
      const [, nonce = ''] =
        / script-src 'nonce-([\w-]{22})';/.exec(withScript.headers.get('content-security-policy') ?? '') ?? []
      assert.deepEqual(withScript.html.match(/<(script|style)[^>]*>/g), [
        `<style nonce="${nonce}">`,
        `<script nonce="${nonce}">`,
      ])
      const foreign = { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' }
      const posted = await at(`${issuer}/sign-in`, { method: 'POST', body: 'email=a&password=b', headers: foreign })
      assert.equal(posted.status, 403)
    })

    it('signs out of applications by its own name, and is named where addresses are given out', async () => {
      const { issuer } = await ownHost()
      await using app = await listener()
      const application = await newApplication(suite(), tenant(), { issuer, backchannelLogoutUri: app.url })
      const person = await member()
      await signIn(person, issuer)
      const tokens = await enter(person, application)
      await person.submit(await person.open(`${issuer}/sign-out`))
      await eventually(() => app.told.length > 0)
      const { iss, sub } = claimsOf(app.told[0] ?? '')
      assert.deepEqual([iss, sub], [issuer, tokens.claims()?.sub])
      const api = suite().as(tenant())
      const registration = await api.post('/api/v1/oauth-registration-tokens', { expiresInSeconds: 60 })
      assert.equal(registration.body.registrationEndpoint, `${issuer}/clients`)
      const provider = {
        kind: 'openid',
        name: 'Else',
        issuer: 'https://id.example.org',
        clientId: 'a',
        clientSecret: 'b',
      }
      const made = (await api.post('/api/v1/identity-providers', provider)).body
      assert.equal(made.redirectUri, `${issuer}/with/${made.id}/callback`)
      await api.delete(`/api/v1/identity-providers/${made.id}`)
    })

    it('lets people link an account elsewhere, and sign in by it, who come back to where they set out', async () => {
      await using other = await OtherProvider.start()
      const { issuer } = await ownHost()
      const api = suite().as(tenant())
      const given = { kind: 'openid', name: 'Else', issuer: other.issuer, ...CLIENT }
      const { id } = (await api.post('/api/v1/identity-providers', given)).body
      const person = await member()
      const come = async (from: string) => {
        const away = await person.submit(await person.open(`${from}/sign-in`), {}, `/with/${id}`)
        assert.equal(away.url.searchParams.get('redirect_uri'), `${from}/with/${id}/callback`)
        return person.open(other.visit(away.url))
      }
      const unknown = await come(issuer)
      assert.equal(unknown.url.pathname, '/connect')
      const [, back = ''] = /href="([^"]*continue=[^"]*)">Sign in/.exec(unknown.html) ?? assert.fail(unknown.html)
      const shown = await person.open(new URL(back.replaceAll('&amp;', '&'), issuer))
      const asked = await person.submit(shown, { email: person.email, password: PASSWORD })
      assert.equal(asked.url.pathname, '/connect')
      const linked = await person.submit(asked, {}, '/connect')
      assert.equal(linked.url.href, `${issuer}/home?done=connected`)
      await person.submit(await person.open(`${issuer}/sign-out`))
      const home = await come(issuer)
      assert.ok(home.url.href === `${issuer}/home` && home.html.includes(person.email), home.url.href)
      await person.submit(await person.open(`${issuer}/sign-out`))
      assert.equal((await come(suite().issuer(tenant()))).url.pathname, `/t/${tenant().slug}/account`)
      await api.delete(`/api/v1/identity-providers/${id}`)
    })

    /** A browser that is signed in at the installation, and as whom. */
    async function atInstallation(roles = ['member'], authTime?: Date) {
      const person = await newPerson(suite(), tenant(), roles)
      await person.signIn(authTime)
      person.plant('__Host-stoa-session', person.cookie('stoa-session') ?? '', '/', 'stoa.example.org')
      return person
    }
    const onward = (person: Person, page: Arrival) => person.submit(page, {}, '/hand-over')

    it('takes people over who are signed in at the installation, when they say so', async () => {
      const { host, issuer } = await ownHost()
      const application = await newApplication(suite(), tenant(), { issuer })
      const before = new Date(suite().clock.now() - 60_000)
      const person = await atInstallation(['member'], before)
      const asked = await ask(application)
      const page = await person.open(asked.url)
      assert.equal(page.url.origin + page.url.pathname, `${issuer}/sign-in`)
      const confirm = await onward(person, page)
      assert.equal(confirm.url.origin + confirm.url.pathname, `${suite().issuer(tenant())}/hand-over`)
      assert.ok(confirm.html.includes(host) && confirm.html.includes(person.email), confirm.html)
      assert.equal(person.cookie('__Host-stoa-session', host), undefined)
      const tokens = await exchange(application, asked, await person.submit(confirm))
      const claims = tokens.claims()
      assert.deepEqual([claims?.iss, claims?.sub], [issuer, person.id])
      assert.equal(claims?.auth_time, Math.floor(before.getTime() / 1_000), 'as old as the proof')
      assert.notEqual(person.cookie('__Host-stoa-session', host), person.cookie('stoa-session'))
      const ends = await suite().db.admin((session) =>
        session.query<{ ends_at: Date }>('select ends_at from stoa.sessions where person_id = $1 group by 1', [
          person.id,
        ]),
      )
      assert.equal(ends.length, 1, 'it ends when the one at the installation does')
      person.plant('__Host-stoa-session', person.cookie('__Host-stoa-session', host) ?? '', '/', 'stoa.example.org')
      assert.match((await person.open(`${suite().issuer(neighbour())}/home`)).url.pathname, /\/sign-in$/)
    })

    it('asks at the installation who is not signed in, and again where it has to be sure', async () => {
      const { issuer } = await ownHost()
      const person = await member()
      const shown = await onward(person, await person.open(`${issuer}/sign-in`))
      assert.equal(shown.url.origin + shown.url.pathname, `${suite().issuer(tenant())}/sign-in`)
      const confirm = await person.submit(shown, { email: person.email, password: PASSWORD })
      assert.equal((await person.submit(confirm)).url.href, `${issuer}/home`)
      await suite().db.admin((session) =>
        session.query("update stoa.sessions set auth_time = auth_time - interval '1 minute'"),
      )
      const application = await newApplication(suite(), tenant(), { issuer })
      const asked = await ask(application, { prompt: 'login' })
      const again = await onward(person, await person.open(asked.url))
      assert.match(again.url.pathname, /\/sign-in$/)
      const agreed = await person.submit(again, { email: person.email, password: PASSWORD })
      const tokens = await exchange(application, asked, await person.submit(agreed))
      assert.equal(tokens.claims()?.iss, issuer)
      await person.submit(await person.open(`${issuer}/sign-out`))
      await suite().db.admin((session) =>
        session.query("update stoa.sessions set auth_time = auth_time - interval '1 minute'"),
      )
      const { url } = await ask(application, { prompt: 'login' })
      const once = await onward(person, await person.open(url))
      assert.match(once.url.pathname, /\/sign-in$/, 'asked once, and at once')
    })

    /** Sets out from the host. Gives the state. */
    async function setOut(browser: Person, issuer: string) {
      const away = await onward(browser, await browser.open(`${issuer}/sign-in`))
      const state = new URL(away.url.searchParams.get('continue') ?? away.url.href, PUBLIC).searchParams.get('state')
      return state ?? assert.fail(away.url.href)
    }

    /** Goes on, at the installation. Gives the address that the browser would be led to. */
    async function agree(browser: Person, state: string) {
      const confirm = await browser.open(`${suite().issuer(tenant())}/hand-over?state=${state}`)
      const [, action = ''] = /<form[^>]*action="([^"]*)"/.exec(confirm.html) ?? assert.fail(confirm.html)
      const [, token = ''] = /name="token_form" value="([^"]*)"/.exec(confirm.html) ?? []
      const cookie = ['session', 'device']
        .map((name) => `__Host-stoa-${name}=${browser.cookie(`__Host-stoa-${name}`, 'stoa.example.org')}`)
        .join('; ')
      const post = (form: string) =>
        at(new URL(action, PUBLIC).href, {
          method: 'POST',
          body: new URLSearchParams({ state, token_form: form }),
          headers: { cookie, origin: PUBLIC },
        })
      assert.equal((await post('forged')).status, 403)
      const [, to = ''] = /content="0;url=([^"]*)"/.exec(await (await post(token)).text()) ?? []
      return to.replaceAll('&amp;', '&')
    }

    it('takes nobody over by what another browser began, what was used, or who is no member', async () => {
      const [{ issuer }, other] = [await ownHost(), await ownHost(neighbour())]
      const person = await atInstallation()
      const thief = new Person(suite(), '', 'thief@example.org')
      const [own, foreign] = [await setOut(person, issuer), await setOut(thief, issuer)]
      const led = await agree(person, foreign)
      assert.ok(led.startsWith(`${issuer}/hand-over?`), led)
      assert.equal((await person.open(led)).status, 410, 'the browser did not begin it')
      const swapped = new URL(led)
      swapped.searchParams.set('state', own)
      assert.equal((await person.open(swapped)).status, 410, 'the code is for another state')
      const good = await agree(person, await setOut(person, issuer))
      const elsewhere = good.replace(issuer, other.issuer)
      assert.equal((await person.open(elsewhere)).status, 410, 'another tenant')
      assert.equal((await person.open(good)).url.href, `${issuer}/home`)
      assert.equal((await person.open(good)).status, 410, 'used')
      assert.equal((await person.open(`${issuer}/hand-over`)).url.href, `${issuer}/home`)
      const stranger = await newPerson(suite(), neighbour())
      await stranger.signIn()
      stranger.plant('__Host-stoa-session', stranger.cookie('stoa-session') ?? '', '/', 'stoa.example.org')
      const refused = await onward(stranger, await stranger.open(`${issuer}/sign-in`))
      assert.equal(refused.url.href.split('?')[0], `${suite().issuer(tenant())}/home`)
      await person.submit(await person.open(`${issuer}/sign-out`))
      const late = await agree(person, await setOut(person, issuer))
      suite().clock.advance(61_000)
      assert.equal((await person.open(late)).status, 410, 'too late')
      const orphan = await agree(person, await setOut(person, issuer))
      const left = await (await atApi(suite(), tenant(), person.id)).delete('/api/v1/me/sessions')
      assert.equal(left.status, 204)
      assert.equal((await person.open(orphan)).status, 410, 'they have signed out of everything meanwhile')
    })

    itOnServer(
      'a hand-over that is under way is ended by “sign out everywhere” or refused, whichever comes first',
      async () => {
        const { db, journal } = suite()
        const { issuer } = await ownHost()
        const ctx = suite().ctx(tenant())
        const { promise: ended, resolve: hasEnded } = Promise.withResolvers<void>()
        const { promise: committing, resolve: commit } = Promise.withResolvers<void>()

        const late = await atInstallation()
        const refused = await agree(late, await setOut(late, issuer))
        const sessions = new Sessions({ db, journal, idleMinutes: 60, days: 1 })
        const ending = db.system(ctx, async (tx) => {
          await sessions.endIn(ctx, tx, late.id, { except: null }, 'ended')
          hasEnded()
          await committing
        })
        await ended
        const after = late.open(refused)
        await Promise.race([after, waitForLocks(suite(), 1)])
        commit()
        await ending
        assert.equal((await after).status, 410, 'it has not seen that they sign out')

        const early = await atInstallation()
        const taken = await agree(early, await setOut(early, issuer))
        const owner = await atApi(suite(), tenant(), early.id)
        await db.admin(async (session) => {
          // What an arrival writes once it has looked at the session behind it.
          await session.exec('begin; lock table stoa.known_devices in share mode')
          const arriving = early.open(taken)
          await waitForLocks(suite(), 1)
          const leaving = owner.delete('/api/v1/me/sessions')
          await Promise.race([leaving, waitForLocks(suite(), 2)])
          await session.exec('commit')
          await Promise.all([arriving, leaving])
        })
        assert.equal((await early.open(`${issuer}/home`)).url.pathname, '/sign-in', 'a session outlived it')
      },
    )

    it('asks devices there', async () => {
      const { issuer } = await ownHost()
      const device: Application = await newApplication(suite(), tenant(), {
        ...{ issuer, applicationType: 'native', authMethod: 'none', grantTypes: ['device_code', 'refresh_token'] },
        redirectUris: [],
      })
      const begun = await client.initiateDeviceAuthorization(device.config, { scope: 'openid' })
      assert.equal(begun.verification_uri, `${issuer}/device`)
      const person = await member()
      await signIn(person, issuer)
      const code = await person.open(begun.verification_uri_complete ?? '')
      assert.equal(code.url.origin, issuer)
      const asked = await person.submit(await person.submit(code))
      const done = await person.submit(asked, { answer: 'allow' })
      assert.equal(done.url.origin, issuer)
      assert.match(done.html, /The device is connected/)
      const tokens = await client.pollDeviceAuthorizationGrant(device.config, { ...begun, interval: 0.1 })
      assert.equal(tokens.claims()?.iss, issuer)
    })
  },
  {
    clock: runningClock,
    publicUrl: PUBLIC,
    config: { txtRecords, keyPublishSeconds: 0, allowPrivateApplications: true },
  },
)
