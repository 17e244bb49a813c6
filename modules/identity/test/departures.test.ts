import assert from 'node:assert/strict'
import { it } from 'node:test'
import { eventually } from '@stoa/testkit'
import * as client from 'openid-client'
import { addMembership } from '../src/people/person-store.ts'
import { Sessions } from '../src/sign-in/sessions.ts'
import { type Application, enter, listener, newApplication } from './application.ts'
import { newPerson, type Person } from './person.ts'
import { describeOnEngines, runningClock } from './setup.ts'

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
          session.query('update stoa.sessions set seen_at = seen_at - make_interval(mins => $2) where id = $1', [
            id,
            minutes,
          ]),
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
