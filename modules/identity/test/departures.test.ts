import assert from 'node:assert/strict'
import { it } from 'node:test'
import { eventually } from '@stoa/testkit'
import * as client from 'openid-client'
import { addMembership } from '../src/people/person-store.ts'
import { Sessions } from '../src/sign-in/sessions.ts'
import { type Application, ask, enter, exchange, listener, newApplication } from './application.ts'
import { newPerson, Person } from './person.ts'
import { describeOnEngines, runningClock, type Suite } from './setup.ts'

const spent = (error: unknown) =>
  error instanceof client.ResponseBodyError && error.error === 'invalid_grant' ? true : assert.fail(error as Error)

describeOnEngines(
  'what somebody was given',
  (suite) => {
    const tenant = () => suite().tenants.pooled
    const directory = () => suite().as(tenant(), 'identity:provision')
    const api = () => `${suite().url}/api/v1`
    const active = async (id: string, value: boolean) => {
      const body = { Operations: [{ op: 'replace', value: { active: value } }] }
      const answer = await directory().patch(`/scim/v2/Users/${id}`, body)
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
    }
    const ended = (person: Person) =>
      eventually(async () => /\/sign-in$/.test((await person.open(`/t/${tenant().slug}/account`)).url.pathname))
    const refresh = ({ config }: Application, token = '') => client.refreshTokenGrant(config, token)

    it('ends with a suspension: tokens at once, sign-ins and the session soon, and for good', async () => {
      await using heard = await listener()
      const person = await newPerson(suite(), tenant(), ['viewer'])
      await person.signIn()
      const application = await newApplication(suite(), tenant(), { backchannelLogoutUri: heard.url })
      const scope = 'openid identity:clients:read'
      const tokens = await enter(person, application, { scope, resource: api() })
      const asks = async () => (await suite().bearer(tokens.access_token).get('/api/v1/me')).status
      assert.equal(await asks(), 403)
      await active(person.id, false)
      assert.equal(await asks(), 401)
      await assert.rejects(refresh(application, tokens.refresh_token), spent)
      await ended(person)
      await eventually(() => heard.told.length === 1)
      await active(person.id, true)
      await assert.rejects(refresh(application, tokens.refresh_token), spent)
      await ended(person)
    })

    it('ends everywhere when the operator closes an account, and what was given out before stays closed', async () => {
      const { db, people } = suite()
      const { placed } = suite().tenants
      const person = await newPerson(suite(), tenant(), ['viewer'])
      const membership = { tenantId: placed.id, personId: person.id, roleNames: ['viewer'], status: 'active' } as const
      await db.system(suite().ctx(placed), (tx) => addMembership(tx, membership, 'test', new Date(suite().clock.now())))
      await person.signIn()
      const application = await newApplication(suite(), tenant())
      const tokens = await enter(person, application, { scope: 'openid identity:clients:read', resource: api() })
      const asks = async () => (await suite().bearer(tokens.access_token).get('/api/v1/me/permissions')).status
      assert.equal(await asks(), 403)
      assert.equal(await people.suspend(suite().ctx(tenant()), person.email), true)
      assert.equal(await people.suspend(suite().ctx(tenant()), person.email), false)
      assert.equal(await asks(), 401)
      await assert.rejects(refresh(application, tokens.refresh_token), spent)
      await ended(person)
      const told = await suite().events(
        ({ subjects, type }) => type === 'identity.person_suspended' && subjects.includes(`person:${person.id}`),
        2,
      )
      assert.deepEqual(told.map(({ tenantId }) => tenantId).sort(), [tenant().id, placed.id].sort())
      assert.equal(await people.restore(suite().ctx(tenant()), person.email), true)
      assert.equal(await people.restore(suite().ctx(tenant()), person.email), false)
      assert.equal(await asks(), 401)
      await assert.rejects(refresh(application, tokens.refresh_token), spent)
      await ended(person)
      await person.signIn()
      assert.match((await person.open(`/t/${tenant().slug}/account`)).url.pathname, /\/account$/)
    })

    it('is not brought back by the end of a suspension: tokens from before hold nowhere, and new ones do', async () => {
      const person = await newPerson(suite(), tenant(), ['viewer'])
      await person.signIn()
      const [application, service] = [
        await newApplication(suite(), tenant()),
        await newApplication(suite(), tenant(), { grantTypes: ['token_exchange'], redirectUris: [] }),
      ]
      const over = { scope: 'openid identity:clients:read', resource: api() }
      const asks = async (token: string) => (await suite().bearer(token).get('/api/v1/me/permissions')).status
      const isActive = async (token: string) => (await client.tokenIntrospection(application.config, token)).active
      const exchange = (token: string) =>
        client.genericGrantRequest(service.config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
          ...{ subject_token: token, resource: api() },
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        })
      const { access_token: before } = await enter(person, application, over)
      assert.deepEqual([await asks(before), await isActive(before)], [403, true])
      assert.ok((await exchange(before)).access_token)
      await active(person.id, false)
      assert.deepEqual([await asks(before), await isActive(before)], [401, false])
      await active(person.id, true)
      assert.deepEqual([await asks(before), await isActive(before)], [401, false])
      await assert.rejects(exchange(before), spent)
      await ended(person)
      // Tokens say in whole seconds when they were made: one of the second of the suspension is not believed either.
      const after = await eventually(async () => {
        await person.signIn()
        const { access_token: token } = await enter(person, application, over)
        return (await asks(token)) === 403 ? token : null
      })
      assert.equal(await isActive(after ?? ''), true)
    })

    it('ends with the session, also when that ends by its time; an application that refreshes uses it', async () => {
      const { db, journal } = suite()
      const person = await newPerson(suite(), tenant(), ['viewer'])
      const id = await person.signIn()
      const application = await newApplication(suite(), tenant())
      const unused = (minutes: number) =>
        db.admin((session) =>
          session.query(
            `update stoa.sessions set seen_at = seen_at - make_interval(mins => $2),
              next_look_at = next_look_at - make_interval(mins => $2) where id = $1`,
            [id, minutes],
          ),
        )
      let { refresh_token: token } = await enter(person, application)
      for (const minutes of [59, 59]) {
        await unused(minutes)
        token = (await refresh(application, token)).refresh_token
      }
      await unused(61)
      await assert.rejects(refresh(application, token), spent)
      const sessions = new Sessions({ db, journal, idleMinutes: 60, days: 1 })
      const told: string[] = []
      sessions.onEnded((_ctx, _tx, ids) => void told.push(...ids))
      await sessions.endOverdue(suite().ctx(tenant()))
      assert.ok(told.includes(id), 'those who hold something of it are told')
    })

    interface Listed {
      readonly data: Record<string, unknown>[]
      readonly nextCursor: string | null
      readonly code?: string
    }
    type Client = ReturnType<Suite['as']>
    const listed = (client: Client, query = '') => client.send<Listed>('GET', `/api/v1/me/applications${query}`)
    const withdraw = async (client: Client, { id }: Application) => {
      const { body, status } = await client.send<Listed>('DELETE', `/api/v1/me/applications/${id}`)
      return status < 400 ? status : body.code
    }
    const everything = ['openid', 'email', 'offline_access', 'identity:self', 'identity:clients:read']
    /** Lets somebody use an application who is asked before. */
    async function allow(person: Person, application: Application, scope: string, over = {}) {
      const asked = await ask(application, { scope, resource: api(), ...over })
      const page = await person.open(asked.url)
      assert.match(page.url.pathname, /\/interaction\//)
      return exchange(application, asked, await person.submit(page, { answer: 'allow' }), api())
    }

    it('is taken back by whoever has allowed it: of one application, in every session, in this organisation', async () => {
      await using heard = await listener()
      const { neighbour } = suite().tenants
      const person = await newPerson(suite(), tenant(), ['viewer'])
      await suite()
        .as(neighbour, '*')
        .created('/api/v1/members', { email: person.email, name: 'There', roles: ['viewer'] })
      const other = new Person(suite(), person.id, person.email)
      await person.signIn()
      await other.signIn()
      const body = { consent: 'ask', scopes: everything, backchannelLogoutUri: heard.url }
      const shop = await newApplication(suite(), tenant(), { ...body, name: 'Shop' })
      const atlas = await newApplication(suite(), tenant(), { ...body, name: 'Atlas' })
      const there = await newApplication(suite(), neighbour, { ...body, name: 'There' })
      const here = await allow(person, shop, 'openid identity:self')
      const away = await allow(other, shop, 'openid email offline_access', { prompt: 'consent' })
      const kept = [await allow(person, atlas, 'openid identity:self'), await allow(person, there, 'openid email')]
      const client = suite().bearer(here.access_token)
      const [first] = (await listed(client, '?limit=1')).body.data
      assert.equal(first?.name, 'Atlas')
      const next = (await listed(client, '?limit=1')).body.nextCursor
      const { data, nextCursor } = (await listed(client, `?limit=1&cursor=${next}`)).body
      assert.equal(nextCursor, null)
      const [{ allowedAt, lastUsedAt, scopes, ...rest } = {}] = data
      const own = rest.ownScopes as string[]
      assert.deepEqual(own.sort(), (scopes as string[]).sort())
      assert.deepEqual(own, ['email', 'identity:self', 'offline_access', 'openid'])
      assert.deepEqual(rest, { id: shop.id, name: 'Shop', website: null, allowedBy: 'person', ownScopes: own })
      for (const time of [allowedAt, lastUsedAt]) {
        assert.ok(Math.abs(suite().clock.now() - new Date(String(time)).getTime()) < 60_000, String(time))
      }
      // Of another organisation, of somebody else, of a program: nothing to see and nothing to take.
      const elsewhere = suite().asPerson(neighbour, person.id)
      assert.deepEqual(
        (await listed(elsewhere)).body.data.map(({ name }) => name),
        ['There'],
      )
      const stranger = await newPerson(suite(), tenant())
      for (const nobody of [suite().asPerson(tenant(), stranger.id), suite().as(tenant(), 'identity:self')]) {
        assert.deepEqual((await listed(nobody)).body.data, [])
        assert.equal(await withdraw(nobody, shop), 'application_not_found')
      }
      assert.equal(await withdraw(elsewhere, shop), 'application_not_found')
      assert.equal((await listed(client)).status, 200)

      assert.equal(await withdraw(client, shop), 204)
      assert.equal((await listed(client)).status, 401)
      const rest2 = suite().bearer(kept[0]?.access_token ?? '')
      assert.deepEqual(
        (await listed(rest2)).body.data.map(({ name }) => name),
        ['Atlas'],
      )
      assert.equal(await withdraw(rest2, shop), 'application_not_found')
      await assert.rejects(refresh(shop, here.refresh_token), spent)
      await assert.rejects(refresh(shop, away.refresh_token), spent)
      assert.ok((await refresh(atlas, kept[0]?.refresh_token)).access_token)
      assert.ok((await refresh(there, kept[1]?.refresh_token)).access_token)
      await eventually(() => heard.told.length === 2)
      const claims = heard.told.map((token) =>
        JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()),
      )
      assert.deepEqual(
        claims.map(({ aud, sub }) => [aud, sub]),
        Array(2).fill([shop.id, person.id]),
      )
      const told = await suite().events(
        ({ data: facts, type }) =>
          type === 'identity.grant_revoked' && facts.clientId === shop.id && facts.reason === 'withdrawn',
        2,
      )
      assert.deepEqual(
        told.map(({ actor, tenantId }) => [actor.id, tenantId]),
        Array(2).fill([person.id, tenant().id]),
      )
      // The next time it asks again.
      assert.ok((await allow(person, shop, 'openid identity:self')).access_token)
    })

    it('is not taken back where the organisation has given it, but for what the person was asked for', async () => {
      const person = await newPerson(suite(), tenant(), ['viewer'])
      await person.signIn()
      const client = suite().asPerson(tenant(), person.id)
      const own = await newApplication(suite(), tenant(), { scopes: everything, name: 'Own' })
      const tokens = await enter(person, own, { scope: 'openid email' })
      const shown = async () => {
        const [{ allowedBy, ownScopes } = {}] = (await listed(client)).body.data
        return [allowedBy, ownScopes]
      }
      assert.deepEqual(await shown(), ['organisation', []])
      assert.equal(await withdraw(client, own), 'application_of_organisation')
      assert.ok((await refresh(own, tokens.refresh_token)).access_token)
      const { access_token: token } = await allow(person, own, 'openid identity:self')
      assert.deepEqual(await shown(), ['organisation', ['identity:self']])
      assert.equal((await suite().bearer(token).get('/api/v1/me')).status, 200)
      assert.equal(await withdraw(client, own), 204)
      assert.equal((await suite().bearer(token).get('/api/v1/me')).status, 401)
      await enter(person, own, { scope: 'openid email' })
      const asked = await ask(own, { scope: 'openid offline_access', prompt: 'consent' })
      await person.submit(await person.open(asked.url), { answer: 'deny' })
      assert.deepEqual(await shown(), ['organisation', []], 'what is denied is not kept')
      const away = await allow(person, own, 'openid offline_access', { prompt: 'consent' })
      assert.deepEqual(await shown(), ['organisation', ['offline_access']])
      assert.equal(await withdraw(client, own), 204)
      await assert.rejects(refresh(own, away.refresh_token), spent)
    })

    it('is shown on the page, and taken back there: by its form, after a fresh proof', async () => {
      const path = `/t/${tenant().slug}/security`
      const person = await newPerson(suite(), tenant(), ['viewer'])
      await person.signIn()
      assert.match((await person.open(path)).html, /You have let in no application/)
      const sold = { consent: 'ask', website: 'https://shop.example.org/' }
      const shop = await newApplication(suite(), tenant(), { ...sold, scopes: everything, name: '<b>Shop</b>' })
      const own = await newApplication(suite(), tenant(), { name: 'Intranet' })
      const tokens = await allow(person, shop, 'openid email')
      await enter(person, own)
      const page = await person.open(path)
      assert.match(
        page.html,
        /&lt;b&gt;Shop&lt;\/b&gt;<\/strong> – Allowed [\s\S]*see your e-mail address[\s\S]*value="application"/,
      )
      assert.match(
        page.html,
        /<a href="https:\/\/shop.example.org\/" [^>]*noopener[^>]*>Its website: shop.example.org</,
      )
      assert.match(page.html, /has let this application in for everybody/)
      assert.ok(!page.html.includes(`value="${own.id}"`), 'no button for what is not theirs')
      assert.match((await person.open(`${path}?lang=hi`)).html, /जिन ऐप को आपने अनुमति दी है/)
      const press = ({ id }: Application, over = {}) =>
        person.submit(page, { what: 'application', id, ...over }, '/security')
      assert.equal((await press(shop, { token_form: 'forged' })).status, 403)
      const refused = await press(own)
      assert.equal(refused.status, 409)
      assert.match(refused.html, /It alone can take that back/)
      const next = (await refresh(shop, tokens.refresh_token)).refresh_token
      await person.signIn(new Date(suite().clock.now() - 660_000))
      assert.match((await person.open(path)).url.pathname, /\/step-up$/)
      await person.signIn()
      const done = await person.submit(await person.open(path), { what: 'application', id: shop.id }, '/security')
      assert.match(done.html, /The application has been removed/)
      await assert.rejects(refresh(shop, next), spent)
      assert.equal((await person.submit(done, { what: 'application', id: shop.id }, '/security')).status, 200)
    })

    it('ends with a removal in this organisation, and not in others', async () => {
      const person = await newPerson(suite(), tenant(), ['viewer'])
      const { neighbour } = suite().tenants
      const { email } = person
      const body = { email, name: 'Elsewhere', roles: ['viewer'] }
      assert.equal((await suite().as(neighbour, '*').post('/api/v1/members', body)).status, 201)
      await person.signIn()
      const [here, there] = [await newApplication(suite(), tenant()), await newApplication(suite(), neighbour)]
      const [given, kept] = [await enter(person, here), await enter(person, there)]
      assert.equal((await directory().delete(`/scim/v2/Users/${person.id}`)).status, 204)
      await assert.rejects(refresh(here, given.refresh_token), spent)
      const rows = () =>
        suite().db.admin((session) =>
          session.query(`select from stoa.oidc_records where tenant_id = $1 and model = 'Grant' and account_id = $2`, [
            tenant().id,
            person.id,
          ]),
        )
      await eventually(async () => (await rows()).length === 0)
      assert.ok((await refresh(there, kept.refresh_token)).access_token)
      assert.match((await person.open(`/t/${neighbour.slug}/account`)).url.pathname, /\/account$/)
    })
  },
  { clock: runningClock, config: { allowPrivateApplications: true } },
)
