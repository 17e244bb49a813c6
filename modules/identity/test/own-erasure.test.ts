import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Tenant } from '@stoa/kernel'
import { type Application, ask, CALLBACK, exchange, newApplication } from './application.ts'
import { newPerson, type Person } from './person.ts'
import { describeOnEngines, runningClock, type Suite } from './setup.ts'

const MINUTE_MS = 60_000

describeOnEngines(
  'whoever erases themselves by the API',
  (suite) => {
    const tenant = () => suite().tenants.pooled
    const scopes = ['openid', 'offline_access', 'identity:self']
    const resource = () => `${suite().url}/api/v1`
    async function token(person: Person, scope = 'openid identity:self', own: Tenant = tenant()) {
      const application = await newApplication(suite(), own, { scopes })
      return (await allowed(person, application, scope)).access_token
    }
    async function allowed(person: Person, application: Application, scope: string) {
      const asked = await ask(application, { scope, resource: resource() })
      const page = await person.open(asked.url)
      const isAsked = page.url.pathname.includes('/interaction/')
      const arrival = isAsked ? await person.submit(page, { answer: 'allow' }) : page
      return exchange(application, asked, arrival, resource())
    }
    const erase = (bearer: string) => suite().bearer(bearer).send<{ code?: string }>('DELETE', '/api/v1/me')
    async function there({ id }: Person): Promise<boolean> {
      const rows = await suite().db.admin((session) => session.query('select from stoa.people where id = $1', [id]))
      return rows.length === 1
    }

    it('is erased, and the token with them', async () => {
      const person = await newPerson(suite(), tenant())
      await person.signIn()
      const own = await token(person)
      assert.equal((await erase(own)).status, 204)
      assert.equal(await there(person), false)
      assert.equal((await erase(own)).status, 401)
      await suite().mailAbout(person.email, /account was deleted/)
    })

    it('has to have proven of late who they are, in the session and before the token was given out', async () => {
      const person = await newPerson(suite(), tenant())
      await person.signIn(new Date(suite().clock.now() - 11 * MINUTE_MS))
      const old = await token(person)
      const refused = await erase(old)
      assert.deepEqual([refused.status, refused.body.code], [401, 'proof_required'])
      assert.match(refused.headers.get('www-authenticate') ?? '', /insufficient_user_authentication.*max_age="600"/)
      // A proof that came after the token does not help it.
      const prove = (sql: string) => suite().db.admin((session) => session.query(sql, [person.id]))
      await prove('update stoa.sessions set auth_time = now() where person_id = $1')
      assert.equal((await erase(old)).status, 401)
      const fresh = await token(person)
      // What another provider vouches for is nothing to erase somebody by.
      await prove(`update stoa.sessions set bound_tenant_id = '${tenant().id}' where person_id = $1`)
      assert.equal((await erase(fresh)).body.code, 'proof_required')
      await prove('update stoa.sessions set bound_tenant_id = null where person_id = $1')
      assert.equal((await erase(fresh)).status, 204)
    })

    it('does it by no key, no program, and no token without the scope or without a session', async () => {
      const person = await newPerson(suite(), tenant())
      await person.signIn()
      assert.equal(
        (await suite().asPerson(tenant(), person.id).send<{ code: string }>('DELETE', '/api/v1/me')).status,
        401,
      )
      const program = await suite().as(tenant(), 'identity:self').send<{ code: string }>('DELETE', '/api/v1/me')
      assert.equal(program.body.code, 'person_required')
      assert.equal((await erase(await token(person, 'openid'))).status, 403)
      assert.equal(await there(person), true)
    })

    it('has let the application, also where it is the organisation’s own: their account is theirs everywhere', async () => {
      const person = await newPerson(suite(), tenant())
      await person.signIn()
      const application = await newApplication(suite(), tenant(), { scopes })
      const asks = async () =>
        person.open((await ask(application, { scope: 'openid identity:self', resource: resource() })).url)
      const page = await asks()
      assert.match(page.url.pathname, /\/interaction\//)
      assert.equal((await person.submit(page, { answer: 'deny' })).url.searchParams.get('error'), 'access_denied')
      assert.ok((await allowed(person, application, 'openid identity:self')).access_token)
      const again = await asks()
      assert.equal(again.url.origin + again.url.pathname, CALLBACK, 'once is enough')
    })

    it('gets before a file of what is kept about them, in every organisation, by the same proof', async () => {
      const person = await newPerson(suite(), tenant())
      const { neighbour } = suite().tenants
      const there = { email: person.email, name: 'There', roles: ['viewer'] }
      await suite().as(neighbour, '*').created('/api/v1/members', there)
      type File = Record<string, { readonly organisation: string }[]> & { readonly code?: string }
      const file = (client: ReturnType<Suite['as']>) => client.send<File>('GET', '/api/v1/me/export')
      await person.signIn(new Date(suite().clock.now() - 11 * MINUTE_MS))
      const old = await file(suite().bearer(await token(person)))
      assert.deepEqual([old.status, old.body.code], [401, 'proof_required'])
      assert.match(old.headers.get('www-authenticate') ?? '', /insufficient_user_authentication/)
      assert.equal((await file(suite().asPerson(tenant(), person.id))).body.code, 'proof_required')
      assert.equal((await file(suite().as(tenant(), 'identity:self'))).body.code, 'person_required')
      await person.signIn()
      const { body, status } = await file(suite().bearer(await token(person)))
      assert.equal(status, 200, JSON.stringify(body))
      const both = [tenant().slug, neighbour.slug].sort()
      assert.deepEqual(
        body.memberships?.map(({ organisation }) => organisation),
        both,
      )
      assert.deepEqual(Object.keys(body.events ?? {}).sort(), both)
      const { notIncluded, ...kept } = body
      assert.ok((notIncluded?.length ?? 0) > 0)
      assert.ok(!/token_?hash|hash"|secret|sealed/i.test(JSON.stringify(kept)))
    })

    it('stays while they are the last owner', async () => {
      const { neighbour } = suite().tenants
      const person = await newPerson(suite(), neighbour, ['owner'])
      await person.signIn()
      const refused = await erase(await token(person, undefined, neighbour))
      assert.deepEqual([refused.status, refused.body.code], [409, 'last_owner'])
      assert.equal(await there(person), true)
    })

    it('sees before which keys and service accounts they made, and what is not in the file', async () => {
      const person = await newPerson(suite(), tenant(), ['admin'])
      const name = (sql: string) => suite().db.admin((session) => session.query(sql, [tenant().id, person.id]))
      await name(`insert into stoa.api_keys (tenant_id, id, prefix, name, hash, scopes, created_by, created_at, updated_at, version)
        values ($1, gen_random_uuid(), 'prefix', 'Till', 'hash', '{}', 'person:' || $2::text, now(), now(), 1)`)
      await name(`insert into stoa.service_accounts (tenant_id, id, name, description, role_names, version, created_by, created_at, updated_at)
        values ($1, gen_random_uuid(), 'Robot of ' || left($2::text, 8), '', '{}', 1, 'person:' || $2::text, now(), now())`)
      await person.signIn()
      const { body } = await suite()
        .bearer(await token(person))
        .send<Record<string, { name: string }[]>>('GET', '/api/v1/me/export')
      assert.deepEqual(
        body.apiKeys?.map((key) => key.name),
        ['Till'],
      )
      assert.equal(body.serviceAccounts?.length, 1)
      assert.ok(body.notIncluded?.some((text) => /Secrets/.test(String(text))))
      assert.ok(!JSON.stringify(body).includes('hash'))
    })
  },
  { clock: runningClock },
)
