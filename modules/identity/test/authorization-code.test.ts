import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as client from 'openid-client'
import { saveTotp } from '../src/factors/factor-store.ts'
import { ask, CALLBACK, enter, exchange, newApplication } from './application.ts'
import { newPerson } from './person.ts'
import { describeOnEngines, runningClock } from './setup.ts'
import { linkIn, PASSWORD } from './story.ts'

const failed = (code: string) => (error: unknown) =>
  error instanceof client.ResponseBodyError && error.error === code ? true : assert.fail(error as Error)

describeOnEngines(
  'an application of the organisation',
  (suite) => {
    const tenant = () => suite().tenants.pooled
    const api = () => `${suite().url}/api/v1`

    it('sends who is not signed in to the sign-in page, which leads back to it', async () => {
      const [person, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      const asked = await ask(application)
      const page = await person.open(asked.url)
      assert.match(page.url.pathname, /\/sign-in$/)
      const next = page.url.searchParams.get('continue') ?? ''
      assert.match(next, /\/interaction\//)
      await person.signIn()
      const tokens = await exchange(application, asked, await person.open(next))
      assert.equal(tokens.claims()?.sub, person.id)
    })

    it('learns who it is: by the ID token and by userinfo', async () => {
      const [person, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      await person.signIn()
      const tokens = await enter(person, application)
      const claims = tokens.claims()
      assert.deepEqual([claims?.sub, claims?.aud, claims?.acr], [person.id, application.id, '1'])
      const info = await client.fetchUserInfo(application.config, tokens.access_token, person.id)
      assert.deepEqual([info.email, info.email_verified, info.name], [person.email, true, 'Bea'])
    })

    it('gets a token for the API that does what both the roles and the scopes allow', async () => {
      const application = await newApplication(suite(), tenant())
      const read = async (roles: string[], scope: string) => {
        const person = await newPerson(suite(), tenant(), roles)
        await person.signIn()
        const { access_token: token } = await enter(person, application, { scope, resource: api() })
        return (await suite().bearer(token).send('GET', '/api/v1/oauth-clients')).status
      }
      assert.equal(await read(['owner'], 'openid identity:clients:read'), 200)
      assert.equal(await read(['owner'], 'openid notes:read'), 403)
      assert.equal(await read(['viewer'], 'openid identity:clients:read'), 403)
    })

    it('is told all roles of somebody in the organisation: of the membership, of teams, of grants; those of now', async () => {
      const person = await newPerson(suite(), tenant(), ['viewer'])
      await person.signIn()
      const root = suite().as(tenant())
      const made = async (path: string, body: object) => (await root.created<{ id: string }>(path, body)).body.id
      const team = await made('/api/v1/teams', { name: 'Clerks', roles: ['member', 'viewer'] })
      await root.put(`/api/v1/teams/${team}/members/${person.id}`, undefined)
      const grant = (subject: object, over: object) => made('/api/v1/grants', { subject, ...over })
      const other = await made('/api/v1/teams', { name: 'Others' })
      await root.put(`/api/v1/teams/${other}/members/${person.id}`, undefined)
      for (const name of ['printer', 'gardener', 'nobody']) {
        await root.created('/api/v1/roles', { name, title: name, permissions: ['notes:read'] })
      }
      await grant({ type: 'team', id: other }, { role: 'printer' })
      const own = await grant({ type: 'person', id: person.id }, { role: 'gardener' })
      await grant({ type: 'person', id: person.id }, { role: 'nobody', resource: { kind: 'note', id: '1' } })
      const application = await newApplication(suite(), tenant())
      const rolesOf = (token: string) =>
        JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).roles
      const scopes = { scope: 'openid notes:read', resource: api() }
      const tokens = await enter(person, application, scopes)
      assert.deepEqual(rolesOf(tokens.access_token), ['viewer', 'member', 'printer', 'gardener'])
      await root.delete(`/api/v1/teams/${team}/members/${person.id}`)
      await root.delete(`/api/v1/grants/${own}`)
      const next = await client.refreshTokenGrant(application.config, tokens.refresh_token ?? '', { resource: api() })
      assert.deepEqual(rolesOf(next.access_token), ['viewer', 'printer'])
      // More than a token has room for.
      const many = Array.from({ length: 50 }, (_, index) => `${'a'.repeat(45)}-${index}`)
      await suite().db.admin((session) =>
        session.query('update stoa.teams set role_names = $1 where id = $2', [many, other]),
      )
      const added = await root.put(`/api/v1/teams/${team}/members/${person.id}`, undefined)
      assert.equal(added.status, 204)
      const full = await client.refreshTokenGrant(application.config, next.refresh_token ?? '', { resource: api() })
      const roles = rolesOf(full.access_token)
      assert.deepEqual(roles.slice(0, 2), ['viewer', 'member'])
      assert.ok(roles.length > 30 && roles.length < 50, `${roles.length}`)
      assert.equal((await suite().bearer(full.access_token).get('/api/v1/oauth-clients')).status, 403, 'it holds')
    })

    it('refreshes: each refresh token is used once, and one that is shown again ends the whole family', async () => {
      const [person, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      await person.signIn()
      const first = await enter(person, application)
      const second = await client.refreshTokenGrant(application.config, first.refresh_token ?? '')
      assert.notEqual(second.refresh_token, first.refresh_token)
      await client.refreshTokenGrant(application.config, second.refresh_token ?? '')
      await assert.rejects(
        client.refreshTokenGrant(application.config, first.refresh_token ?? ''),
        failed('invalid_grant'),
      )
      await assert.rejects(
        client.refreshTokenGrant(application.config, second.refresh_token ?? ''),
        failed('invalid_grant'),
      )
    })

    it('that uses a refresh token twice at the same moment loses the family, too', async () => {
      const [person, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      await person.signIn()
      const { refresh_token: token = '' } = await enter(person, application)
      const tries = await Promise.allSettled(
        [1, 2, 3, 4].map(() => client.refreshTokenGrant(application.config, token)),
      )
      const won = tries.filter((one) => one.status === 'fulfilled')
      assert.ok(won.length <= 1, `${won.length}`)
      for (const { value } of won) {
        await assert.rejects(
          client.refreshTokenGrant(application.config, value.refresh_token ?? ''),
          failed('invalid_grant'),
        )
      }
    })

    it('whose code is used twice loses the access tokens that were got by it (RFC 6749 §4.1.2)', async () => {
      const person = await newPerson(suite(), tenant(), ['owner'])
      const application = await newApplication(suite(), tenant())
      await person.signIn()
      const asked = await ask(application, { scope: 'openid identity:clients:read', resource: api() })
      const arrival = await person.open(asked.url)
      const { access_token: token } = await exchange(application, asked, arrival, api())
      const status = async () => (await suite().bearer(token).send('GET', '/api/v1/oauth-clients')).status
      assert.equal(await status(), 200)
      await assert.rejects(exchange(application, asked, arrival, api()), failed('invalid_grant'))
      assert.equal(await status(), 401)
      const { access_token: next } = await enter(person, application, {
        scope: 'openid identity:clients:read',
        resource: api(),
      })
      assert.equal(
        (await suite().bearer(next).send('GET', '/api/v1/oauth-clients')).status,
        200,
        'a new sign-in is good',
      )
    })

    it('keeps what it was given for when somebody is away, until they set a new password and sign out everywhere', async () => {
      const person = await newPerson(suite(), tenant(), ['owner'])
      const application = await newApplication(suite(), tenant())
      await person.signIn()
      const scope = 'openid offline_access identity:clients:read'
      const asked = await ask(application, { scope, resource: api(), prompt: 'consent' })
      const allowed = await person.submit(await person.open(asked.url), { answer: 'allow' })
      const given = await exchange(application, asked, allowed, api())
      const refreshed = await client.refreshTokenGrant(application.config, given.refresh_token ?? '', {
        resource: api(),
      })
      const status = async () =>
        (await suite().bearer(refreshed.access_token).send('GET', '/api/v1/oauth-clients')).status
      assert.equal(await status(), 200)
      const browser = suite().browser()
      await browser.open(`/t/${tenant().slug}/reset`)
      await browser.submit({ email: person.email })
      await browser.open(linkIn(await suite().mailTo(person.email)))
      await browser.submit({ password: PASSWORD })
      assert.match(browser.page.path, /done=reset/)
      assert.equal(await status(), 401)
      await assert.rejects(
        client.refreshTokenGrant(application.config, refreshed.refresh_token ?? '', { resource: api() }),
        failed('invalid_grant'),
      )
      const told = ({ data, type }: { readonly type: string; readonly data: unknown }) =>
        type === 'identity.grant_revoked' && (data as { readonly personId: string }).personId === person.id
      const events = await suite().events(told, 1)
      assert.deepEqual(
        events.map(({ data }) => (data as { readonly reason: string }).reason),
        ['password'],
      )
    })

    it('pushes what it asks for (RFC 9126), and may be told that it has to', async () => {
      const person = await newPerson(suite(), tenant())
      await person.signIn()
      const application = await newApplication(suite(), tenant(), { parRequired: true })
      const refused = await person.open((await ask(application)).url)
      assert.equal(refused.url.searchParams.get('error'), 'invalid_request')
      const asked = await ask(application)
      const pushed = await client.buildAuthorizationUrlWithPAR(application.config, asked.url.searchParams)
      const tokens = await exchange(application, asked, await person.open(pushed))
      assert.equal(tokens.claims()?.sub, person.id)
    })

    it('binds its tokens to a key (RFC 9449): the API takes them with a proof, and each proof once', async () => {
      const person = await newPerson(suite(), tenant(), ['owner'])
      await person.signIn()
      const application = await newApplication(suite(), tenant(), { dpopBound: true })
      const keys = await client.randomDPoPKeyPair('ES256')
      const dpop = client.getDPoPHandle(application.config, keys)
      const asked = await ask(application, { scope: 'openid identity:clients:read', resource: api() })
      const { url } = await person.open(asked.url)
      const checks = { pkceCodeVerifier: asked.verifier, expectedState: asked.state, expectedNonce: asked.nonce }
      const tokens = await client.authorizationCodeGrant(
        application.config,
        url,
        checks,
        { resource: api() },
        { DPoP: dpop },
      )
      assert.equal(tokens.token_type, 'dpop')
      const address = new URL('/api/v1/oauth-clients', suite().url)
      const taken = await client.fetchProtectedResource(
        application.config,
        tokens.access_token,
        address,
        'GET',
        null,
        undefined,
        { DPoP: dpop },
      )
      assert.equal(taken.status, 200)
      assert.equal((await suite().bearer(tokens.access_token).send('GET', '/api/v1/oauth-clients')).status, 401)
    })

    it('of somebody else asks first; what is denied is told, what is allowed is remembered for the session', async () => {
      const person = await newPerson(suite(), tenant())
      await person.signIn()
      const application = await newApplication(suite(), tenant(), { consent: 'ask' })
      const denied = await person.submit(await person.open((await ask(application)).url), { answer: 'deny' })
      assert.equal(denied.url.searchParams.get('error'), 'access_denied')
      const asked = await ask(application)
      const page = await person.open(asked.url)
      assert.match(page.html, /Let Shop in\?/)
      assert.match(page.html, /see your e-mail address/)
      const tokens = await exchange(application, asked, await person.submit(page, { answer: 'allow' }))
      assert.equal(tokens.claims()?.sub, person.id)
      await enter(person, application)
    })

    it('may be answered by a form, whose script names a nonce of its own, and nothing else runs', async () => {
      const [person, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      await person.signIn()
      const shown = async () => {
        const { url } = await ask(application, { response_mode: 'form_post', state: '<script>alert(1)</script>' })
        const { headers, html } = await person.open(url)
        const policy = headers.get('content-security-policy') ?? ''
        const [, nonce = ''] = / script-src 'nonce-([\w-]{22})';/.exec(policy) ?? assert.fail(policy)
        assert.doesNotMatch(policy, /sha256|unsafe|'self'/)
        assert.deepEqual(html.match(/<script[^>]*>/g), [`<script nonce="${nonce}">`])
        assert.match(html, new RegExp(`action="${CALLBACK}"[^]*name="code"`))
        return nonce
      }
      assert.notEqual(await shown(), await shown())
    })

    it('is not told of people who do not belong to its tenant', async () => {
      const stranger = await newPerson(suite(), suite().tenants.neighbour)
      await stranger.signIn()
      const page = await stranger.open((await ask(await newApplication(suite(), tenant()))).url)
      assert.equal(page.status, 403)
      assert.match(page.html, /You do not belong to/)
    })

    it('may want to be sure that it is still them (prompt=login, max_age)', async () => {
      const [person, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      await person.signIn(new Date(suite().clock.now() - 600_000))
      for (const over of [{ prompt: 'login' }, { max_age: '60' }]) {
        const asked = await ask(application, over as Record<string, string>)
        const page = await person.open(asked.url)
        assert.match(page.url.pathname, /\/sign-in$/)
        assert.equal(page.url.searchParams.get('again'), 'yes')
        await person.signIn()
        const back = await person.open(page.url.searchParams.get('continue') ?? '')
        const checks = { pkceCodeVerifier: asked.verifier, expectedState: asked.state, expectedNonce: asked.nonce }
        assert.equal(back.url.origin + back.url.pathname, CALLBACK, back.url.href)
        const tokens = await client.authorizationCodeGrant(application.config, back.url, checks)
        assert.deepEqual([tokens.claims()?.sub, tokens.claims()?.acr], [person.id, '1'])
        await person.signIn(new Date(suite().clock.now() - 600_000))
      }
    })

    it('may want two factors (acr_values): who has shown one shows more, and who has no other cannot come in', async () => {
      const [person, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      await person.signIn()
      const fault = async (over: Record<string, string>) =>
        (await person.open((await ask(application, over)).url)).url.searchParams.get('error')
      assert.equal(await fault({ acr_values: '2' }), 'unmet_authentication_requirements')
      assert.equal(await fault({ acr_values: '2', prompt: 'none' }), 'login_required')
      await suite().db.system(suite().ctx(tenant()), (tx) =>
        saveTotp(tx, person.id, { sealedSecret: Buffer.alloc(32), lastStep: 0 }, new Date()),
      )
      assert.equal(await fault({ acr_values: '2', prompt: 'none' }), 'login_required')
      const asked = await ask(application, { acr_values: 'phr 2' })
      const page = await person.open(asked.url)
      assert.match(page.url.pathname, /\/sign-in$/)
      assert.match(page.html, /asks for more than a password/)
      const next = page.url.searchParams.get('continue') ?? ''
      await person.signIn()
      assert.match((await person.open(next)).url.pathname, /\/sign-in$/, 'one factor again is not enough')
      await person.signIn(undefined, '2')
      const tokens = await exchange(application, asked, await person.open(next))
      assert.deepEqual([tokens.claims()?.acr, tokens.claims()?.amr], ['2', ['pwd', 'otp', 'mfa']])
      await enter(person, application, { acr_values: '2', prompt: 'none' })
      await person.signIn()
      for (const acr_values of ['1', '2 1', 'phr']) {
        assert.equal((await enter(person, application, { acr_values, prompt: 'none' })).claims()?.acr, '1', acr_values)
      }
    })

    it('signs in silently where somebody is signed in, and is told when nobody is (prompt=none)', async () => {
      const [person, application] = [await newPerson(suite(), tenant()), await newApplication(suite(), tenant())]
      const nobody = await person.open((await ask(application, { prompt: 'none' })).url)
      assert.equal(nobody.url.searchParams.get('error'), 'login_required')
      await person.signIn()
      await enter(person, application, { prompt: 'none' })
    })
  },
  { clock: runningClock },
)
