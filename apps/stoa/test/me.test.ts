/*
 * What people alone may do, with themselves: by keys that belong to them, through the whole program.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { newId } from '@stoa/kernel'
import { type AnyJson, engines, type Suite, type TestAnswer, TestClient, testCtx } from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { newAddress, startProgram } from './suite.ts'

type TenantName = 'pooled' | 'neighbour'

for (const engine of engines) {
  describe(`a person, on ${engine}`, () => {
    let suite: Suite<Stoa>
    before(async () => {
      suite = await startProgram(engine)
    })
    after(() => suite?.[Symbol.asyncDispose]())

    const send = (client: TestClient, method: string, path: string, body?: unknown): Promise<TestAnswer<AnyJson>> =>
      client.send(method, `/api/v1${path}`, { ...(body !== undefined && { body }), headers: newAddress() })
    const codeOf = ({ body, status }: TestAnswer<AnyJson>) => (status < 400 ? status : body.code)
    async function keyOf(id: string, tenant: TenantName = 'pooled', scopes = ['*']): Promise<TestClient> {
      const ctx = testCtx({ tenant: suite.tenants[tenant], actor: { type: 'person', id } })
      const { token } = await suite.program.apiKeys.create(ctx, { name: 'own', scopes, expiresAt: null })
      return new TestClient(suite.program.url, token)
    }
    async function person(role = 'member', email = `${randomUUID()}@example.org`, tenant: TenantName = 'pooled') {
      const body = { email, name: `Name ${randomUUID()}`, roles: [role] }
      const { id } = (await (await suite.client(tenant)).created<AnyJson>('/api/v1/members', body)).body
      return { id: id as string, email, client: await keyOf(id, tenant) }
    }
    async function session(personId: string): Promise<string> {
      const id = newId()
      await suite.program.db.admin((admin) =>
        admin.query(
          `insert into stoa.sessions (id, token_hash, person_id, device, address_prefix, amr, acr, auth_time,
             idle_seconds, ends_at, seen_at, created_at)
           values ($1, $2, $3, 'Firefox on Linux', '', '{pwd}', '1', now(), 3600, now() + interval '1 day', now(), now())`,
          [id, Buffer.from(id), personId],
        ),
      )
      return id
    }

    it('sees and ends no sessions by a key, and no organisations: it is good in one, and these are of all', async () => {
      const ann = await person()
      const path = `/me/sessions/${await session(ann.id)}`
      for (const [method, at, body] of [
        ['GET', '/me/sessions'],
        ['DELETE', '/me/sessions'],
        ['PATCH', path, { name: 'Mine' }],
        ['DELETE', path],
        ['GET', '/me/organisations'],
      ] as const) {
        assert.equal(codeOf(await send(ann.client, method, at, body)), 'own_session_required', `${method} ${at}`)
      }
      const program = await suite.client()
      assert.deepEqual((await send(program, 'GET', '/me/organisations')).body, { data: [] })
      assert.equal(codeOf(await send(program, 'DELETE', path)), 'session_not_found')
    })

    it('leaves what they belong to; the last owner stays', async () => {
      const ann = await person()
      const there = await person('viewer', ann.email, 'neighbour')
      assert.equal(there.id, ann.id)
      const owner = await person('owner', undefined, 'neighbour')
      assert.equal(codeOf(await send(owner.client, 'DELETE', '/me/membership')), 'last_owner')
      assert.equal(codeOf(await send(await suite.client(), 'DELETE', '/me/membership')), 'person_required')
      assert.equal((await send(ann.client, 'DELETE', '/me/membership')).status, 204)
      assert.equal((await send(ann.client, 'GET', '/me')).status, 401)
      assert.equal((await send(there.client, 'GET', '/me')).body.person.id, ann.id)
    })

    it('gets all that is kept about them by no key: one is good in one organisation, and this is of all', async () => {
      const ann = await person()
      await session(ann.id)
      assert.equal(codeOf(await send(ann.client, 'GET', '/me/export')), 'proof_required')
      assert.equal(codeOf(await send(await suite.client(), 'GET', '/me/export')), 'person_required')
    })

    it('is erased by an administrator of their only organisation, with all that was theirs', async () => {
      const [ann, bob] = [await person(), await person()]
      await person('viewer', bob.email, 'neighbour')
      const root = await suite.client()
      await session(ann.id)
      assert.equal(codeOf(await send(root, 'POST', `/members/${bob.id}/erasure`)), 'member_elsewhere')
      const admin = await person('admin')
      const owner = await person('owner')
      assert.equal(codeOf(await send(admin.client, 'POST', `/members/${owner.id}/erasure`)), 'forbidden')
      assert.equal(
        codeOf(await send(await suite.client('neighbour'), 'POST', `/members/${ann.id}/erasure`)),
        'member_not_found',
      )
      assert.equal((await send(admin.client, 'POST', `/members/${ann.id}/erasure`)).status, 204)
      assert.equal((await send(ann.client, 'GET', '/me')).status, 401)
      assert.equal(codeOf(await send(root, 'GET', `/members/${ann.id}`)), 'member_not_found')
      const left = await suite.program.db.admin((db) =>
        db.query<AnyJson>(
          `select (select count(*) from stoa.people where id = $1) + (select count(*) from stoa.sessions where person_id = $1)
             + (select count(*) from stoa.memberships where person_id = $1) as count`,
          [ann.id],
        ),
      )
      assert.equal(Number(left[0].count), 0)
      const journal = await suite.program.db.admin((db) =>
        db.query<AnyJson>(`select type, data::text from stoa.events where $1 = any (subjects)`, [`person:${ann.id}`]),
      )
      assert.ok(journal.some(({ type }) => type === 'identity.person_erased'))
      assert.ok(journal.every(({ data }) => !data.includes(ann.email)))
      assert.equal(codeOf(await send(root, 'POST', `/members/${ann.id}/erasure`)), 'member_not_found')
    })

    it('needs the permission, and to be somebody', async () => {
      const { id } = await person()
      const without = await keyOf(id, 'pooled', ['links:read'])
      const path = `/me/sessions/${await session(id)}`
      for (const [method, at, body] of [
        ['PATCH', path, { name: 'x' }],
        ['DELETE', path],
        ['DELETE', '/me/membership'],
      ] as const) {
        assert.equal(codeOf(await send(without, method, at, body)), 'forbidden', at)
        assert.equal(codeOf(await send(suite.anonymous(), method, at, body)), 'unauthenticated', at)
      }
    })
  })
}
