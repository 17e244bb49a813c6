/*
 * Who may do what, through the whole program: people act by keys that belong to them, which are bounded by their roles
 * as tokens are.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type AnyJson, engines, type Suite, type TestAnswer, TestClient, testCtx } from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { newAddress, startProgram } from './suite.ts'

type TenantName = 'pooled' | 'neighbour' | 'placed'

interface Person {
  readonly id: string
  readonly client: TestClient
}

let people = 0

for (const engine of engines) {
  describe(`roles and members, on ${engine}`, () => {
    let suite: Suite<Stoa>
    let root: TestClient
    before(async () => {
      suite = await startProgram(engine)
      root = await suite.client()
    })
    after(() => suite?.[Symbol.asyncDispose]())

    const send = (client: TestClient, method: string, path: string, body?: unknown, headers: object = {}) =>
      client.send<AnyJson>(method, path, {
        ...(body !== undefined && { body }),
        headers: { ...newAddress(), ...headers },
      })
    const codeOf = (answer: TestAnswer<AnyJson>) => (answer.status < 400 ? answer.status : answer.body.code)
    /** A key that belongs to somebody. */
    async function keyOf(id: string, scopes = ['*'], tenant: TenantName = 'pooled', type = 'person') {
      const ctx = testCtx({ tenant: suite.tenants[tenant], actor: { type: type as 'person', id } })
      const { token } = await suite.program.apiKeys.create(ctx, { name: 'own', scopes, expiresAt: null })
      return new TestClient(suite.program.url, token)
    }
    async function person(...roles: string[]): Promise<Person> {
      people += 1
      const body = { email: `person${people}@example.org`, name: `Person ${people}`, roles }
      const { id } = (await root.created<AnyJson>('/api/v1/members', body)).body
      return { id, client: await keyOf(id) }
    }
    const memberOf = (id: string) => send(root, 'GET', `/api/v1/members/${id}`)
    const setRoles = async (client: TestClient, id: string, ...roles: string[]) => {
      const etag = (await memberOf(id)).headers.get('etag') ?? ''
      return send(client, 'PATCH', `/api/v1/members/${id}`, { roles }, { 'if-match': etag })
    }
    const role = async (...permissions: string[]) => {
      people += 1
      const name = `role-${people}`
      await root.created('/api/v1/roles', { name, title: name, permissions })
      return name
    }

    it('the built-in roles bound what somebody may do, whatever their key could', async () => {
      const [viewer, member, admin, owner] = [
        await person('viewer'),
        await person('member'),
        await person('admin'),
        await person('owner'),
      ]
      const link = { target: 'https://example.com/' }
      const tried = async ({ client }: Person) => [
        codeOf(await send(client, 'GET', '/api/v1/links')),
        codeOf(await send(client, 'POST', '/api/v1/links', link)),
        codeOf(await send(client, 'GET', '/api/v1/audit?type=none')),
        codeOf(await send(client, 'POST', '/api/v1/api-keys', { name: 'k', scopes: ['*'] })),
      ]
      assert.deepEqual(await tried(viewer), [200, 'forbidden', 'forbidden', 'forbidden'])
      assert.deepEqual(await tried(member), [200, 201, 'forbidden', 'forbidden'])
      assert.deepEqual(await tried(admin), [200, 201, 200, 'forbidden'])
      assert.deepEqual(await tried(owner), [200, 201, 200, 201])
    })

    it('the lesser of role and scope wins', async () => {
      const { id } = await person('member')
      const narrow = await keyOf(id, ['links:read', 'audit:read', 'identity:self'])
      assert.equal(codeOf(await send(narrow, 'GET', '/api/v1/links')), 200)
      assert.equal(codeOf(await send(narrow, 'GET', '/api/v1/audit')), 'forbidden')
      assert.equal(codeOf(await send(narrow, 'POST', '/api/v1/links', { target: 'https://example.com/' })), 'forbidden')
      const { body } = await send(narrow, 'GET', '/api/v1/me/permissions')
      assert.deepEqual(body, { permissions: ['identity:self', 'links:read'], roles: ['member'], grants: [] })
    })

    it('a change of roles holds from the next request on, for keys that were made before', async () => {
      const { client, id } = await person('viewer')
      const write = () => send(client, 'POST', '/api/v1/links', { target: 'https://example.com/' })
      assert.equal(codeOf(await write()), 'forbidden')
      assert.equal((await setRoles(root, id, 'member')).status, 200)
      assert.equal(codeOf(await write()), 201)
      assert.equal((await setRoles(root, id, 'viewer')).status, 200)
      assert.equal(codeOf(await write()), 'forbidden')
    })

    it('a role of one’s own allows what it says, to everybody who has it, and so does its change', async () => {
      const name = await role('links:read')
      const { client } = await person(name)
      const write = () => send(client, 'POST', '/api/v1/links', { target: 'https://example.com/' })
      assert.equal(codeOf(await write()), 'forbidden')
      const etag = (await send(root, 'GET', `/api/v1/roles/${name}`)).headers.get('etag') ?? ''
      const change = { permissions: ['links:*'] }
      assert.equal((await send(root, 'PATCH', `/api/v1/roles/${name}`, change, { 'if-match': etag })).status, 200)
      assert.equal(codeOf(await write()), 201)
      assert.equal(codeOf(await send(root, 'DELETE', `/api/v1/roles/${name}`)), 'role_in_use')
      const late = await send(root, 'PATCH', `/api/v1/roles/${name}`, change, { 'if-match': etag })
      assert.equal(codeOf(late), 'precondition_failed')
    })

    it('nobody makes or changes a role that may more than they may', async () => {
      const { client } = await person('admin')
      const role = (permissions: string[]) => ({ name: `climb-${people}`, title: 'Climb', permissions })
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/roles', role(['identity:own']))), 'forbidden')
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/roles', role(['identity:*']))), 'forbidden')
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/roles', role(['identity:configure']))), 'forbidden')
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/roles', role(['*']))), 'validation_failed')
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/roles', role(['nothing:read']))), 'validation_failed')
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/roles', role(['links:*']))), 201)
      const strong = `strong-${people}`
      await root.created('/api/v1/roles', { name: strong, title: 'Strong', permissions: ['identity:own'] })
      const weaken = { permissions: ['links:read'] }
      const any = { 'if-match': '*' }
      assert.equal(codeOf(await send(client, 'PATCH', `/api/v1/roles/${strong}`, weaken, any)), 'forbidden')
      assert.equal(codeOf(await send(client, 'DELETE', `/api/v1/roles/${strong}`)), 'forbidden')
    })

    it('whom people sign in by is for owners to say: who says it could be any of them. They may let others', async () => {
      const setting = (client: TestClient) => send(client, 'GET', '/api/v1/identity/sign-in-settings')
      const { client: owner } = await person('owner')
      const { client: admin } = await person('admin')
      assert.equal(codeOf(await setting(admin)), 'forbidden')
      const name = `doorkeeper-${people}`
      const body = { name, title: 'Doorkeeper', permissions: ['identity:configure'] }
      assert.equal(codeOf(await send(admin, 'POST', '/api/v1/roles', body)), 'forbidden')
      assert.equal(codeOf(await send(owner, 'POST', '/api/v1/roles', body)), 201)
      const { client, id } = await person('admin', name)
      assert.equal(codeOf(await setting(client)), 200)
      const any = { 'if-match': '*' }
      const take = await send(admin, 'PATCH', `/api/v1/members/${id}`, { roles: ['admin'] }, any)
      assert.equal(codeOf(take), 'forbidden', 'nobody takes what they do not hold')
    })

    it('nobody changes a built-in role, or takes its name', async () => {
      const change = await send(root, 'PATCH', '/api/v1/roles/viewer', { title: 'x' }, { 'if-match': '*' })
      assert.equal(codeOf(change), 'role_built_in')
      assert.equal(codeOf(await send(root, 'DELETE', '/api/v1/roles/owner')), 'role_built_in')
      const taken = { name: 'owner', title: 'x', permissions: ['links:read'] }
      assert.equal(codeOf(await send(root, 'POST', '/api/v1/roles', taken)), 'role_exists')
    })

    it('nobody gives a role that may more than they may: not to others, not to themselves, not by a team, a grant, an invitation or an account', async () => {
      const manager = await role('identity:read', 'identity:manage', 'identity:self')
      const { client, id } = await person(manager)
      const other = await person('viewer')
      const weak = await person(manager)
      for (const target of [id, weak.id]) assert.equal(codeOf(await setRoles(client, target, 'admin')), 'forbidden')
      const subject = { type: 'person', id }
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/grants', { subject, role: 'member' })), 'forbidden')
      const team = { name: `Climbers ${people}`, roles: ['admin'] }
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/teams', team)), 'forbidden')
      const invitation = { email: 'climber@example.org', roles: ['admin'] }
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/invitations', invitation)), 'forbidden')
      const added = { ...invitation, name: 'Climber' }
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/members', added)), 'forbidden')
      const account = { name: 'Climber', roles: ['member'] }
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/service-accounts', account)), 'forbidden')
      const strong = (await root.created<AnyJson>('/api/v1/teams', { name: `Strong ${people}`, roles: ['admin'] })).body
      assert.equal(codeOf(await send(client, 'PUT', `/api/v1/teams/${strong.id}/members/${id}`)), 'forbidden')
      const link = (await root.created<AnyJson>('/api/v1/links', { target: 'https://example.com/team' })).body
      const narrow = (await root.created<AnyJson>('/api/v1/teams', { name: `Narrow ${people}` })).body
      const onLink = { subject: { type: 'team', id: narrow.id }, resource: { kind: 'link', id: link.id } }
      await root.created('/api/v1/grants', { ...onLink, role: 'member' })
      assert.equal(codeOf(await send(client, 'PUT', `/api/v1/teams/${narrow.id}/members/${id}`)), 'forbidden')
      const toTeam = { ...invitation, roles: [manager], teamIds: [narrow.id] }
      assert.equal(codeOf(await send(client, 'POST', '/api/v1/invitations', toTeam)), 'forbidden')
      assert.equal(
        codeOf(await setRoles(client, other.id, manager)),
        'forbidden',
        'a viewer may see links, they may not',
      )
      assert.equal(codeOf(await setRoles(client, weak.id, manager)), 200)
    })

    it('role escalation by mass assignment: fields that are not named in the documentation are refused, not taken', async () => {
      const { client, id } = await person('admin')
      const body = { email: 'mass@example.org', name: 'Mass', roles: ['viewer'] }
      for (const more of [
        { roleNames: ['owner'] },
        { role_names: ['owner'] },
        { permissions: ['*'] },
        { isOwner: true },
        { tenantId: suite.tenants.neighbour.id },
        { status: 'active' },
      ]) {
        assert.equal(codeOf(await send(client, 'POST', '/api/v1/members', { ...body, ...more })), 'validation_failed')
        const any = { 'if-match': '*' }
        const changed = await send(client, 'PATCH', `/api/v1/members/${id}`, { roles: ['admin'], ...more }, any)
        assert.equal(codeOf(changed), 'validation_failed')
        const role = { name: 'mass', title: 'Mass', permissions: [], isBuiltIn: true, ...more }
        assert.equal(codeOf(await send(client, 'POST', '/api/v1/roles', role)), 'validation_failed')
      }
      assert.deepEqual((await memberOf(id)).body.roles, ['admin'])
    })

    it('nobody changes, suspends or removes somebody who may more than they may', async () => {
      const admin = await person('admin')
      const owner = await person('owner')
      const path = `/api/v1/members/${owner.id}`
      assert.equal(codeOf(await setRoles(admin.client, owner.id, 'viewer')), 'forbidden')
      assert.equal(codeOf(await send(admin.client, 'POST', `${path}/suspension`)), 'forbidden')
      assert.equal(codeOf(await send(admin.client, 'DELETE', path)), 'forbidden')
      assert.equal(codeOf(await send(owner.client, 'POST', `/api/v1/members/${admin.id}/suspension`)), 200)
    })

    it('a suspended member may do nothing, and everything again when it is over', async () => {
      const { client, id } = await person('member')
      assert.equal(codeOf(await send(client, 'GET', '/api/v1/links')), 200)
      assert.equal((await send(root, 'POST', `/api/v1/members/${id}/suspension`)).body.status, 'suspended')
      assert.equal(codeOf(await send(client, 'GET', '/api/v1/links')), 'unauthenticated')
      assert.equal((await send(root, 'DELETE', `/api/v1/members/${id}/suspension`)).body.status, 'active')
      assert.equal(codeOf(await send(client, 'GET', '/api/v1/links')), 200)
    })

    it('nobody lets a suspended member back in, or removes one, who may more than they may by a team or a grant', async () => {
      const { client } = await person(await role('identity:manage'))
      const strong = { name: `Strong ${randomUUID()}`, roles: ['admin'] }
      const { id: team } = (await root.created<AnyJson>('/api/v1/teams', strong)).body
      const nothing = await role()
      const [byTeam, byGrant, weak] = [await person(nothing), await person(nothing), await person(nothing)]
      assert.equal((await send(root, 'PUT', `/api/v1/teams/${team}/members/${byTeam.id}`)).status, 204)
      await root.created('/api/v1/grants', { subject: { type: 'person', id: byGrant.id }, role: 'admin' })
      for (const [{ id }, outcome] of [
        [byTeam, 'forbidden'],
        [byGrant, 'forbidden'],
        [weak, 200],
      ] as const) {
        const path = `/api/v1/members/${id}`
        assert.equal(codeOf(await send(root, 'POST', `${path}/suspension`)), 200)
        assert.equal(codeOf(await send(client, 'DELETE', `${path}/suspension`)), outcome)
        if (outcome === 'forbidden') assert.equal(codeOf(await send(client, 'DELETE', path)), outcome)
        assert.equal(codeOf(await send(root, 'DELETE', `${path}/suspension`)), 200)
      }
    })

    it('a removed member is gone with their keys, and does not get them back with a new membership', async () => {
      const { client, id } = await person('member')
      const { email } = (await memberOf(id)).body
      assert.equal((await send(root, 'DELETE', `/api/v1/members/${id}`)).status, 204)
      assert.equal(codeOf(await memberOf(id)), 'member_not_found')
      assert.equal(codeOf(await send(client, 'GET', '/api/v1/links')), 'unauthenticated')
      const again = await root.created<AnyJson>('/api/v1/members', { email, name: 'Again', roles: ['member'] })
      assert.equal(again.body.id, id, 'the same person')
      assert.equal(codeOf(await send(client, 'GET', '/api/v1/links')), 'unauthenticated')
    })

    it('whom a removed member has asked to join does not, also when it was asked by a key of theirs', async () => {
      const { client, id } = await person('admin')
      const asked = { email: `asked${people}@example.org`, roles: ['admin'] }
      const { id: invitation } = (await client.created<AnyJson>('/api/v1/invitations', asked)).body
      const stands = async () => (await send(root, 'GET', `/api/v1/invitations/${invitation}`)).body
      assert.deepEqual([(await stands()).state, (await stands()).createdBy], ['pending', `person:${id}`])
      assert.equal((await send(root, 'DELETE', `/api/v1/members/${id}`)).status, 204)
      assert.equal((await stands()).state, 'revoked')
    })

    it('another tenant sees and reaches none of it', async () => {
      const { id } = await person('member')
      const name = await role('links:read')
      for (const tenant of ['neighbour', 'placed'] as const) {
        const stranger = await suite.client(tenant)
        assert.equal(codeOf(await send(stranger, 'GET', `/api/v1/members/${id}`)), 'member_not_found')
        assert.equal(codeOf(await send(stranger, 'GET', `/api/v1/roles/${name}`)), 'role_not_found')
        const { data } = (await send(stranger, 'GET', '/api/v1/members?limit=100')).body
        assert.ok(!data.some((member: AnyJson) => member.id === id))
        const key = await keyOf(id, ['*'], tenant)
        assert.equal(codeOf(await send(key, 'GET', '/api/v1/links')), 'unauthenticated', 'no member there')
      }
    })

    it('the name that one tenant gives is not the name that another one sees', async () => {
      people += 1
      const email = `shared${people}@example.org`
      const here = (await root.created<AnyJson>('/api/v1/members', { email, name: 'Here', roles: ['viewer'] })).body
      const neighbour = await suite.client('neighbour')
      const there = (await neighbour.created<AnyJson>('/api/v1/members', { email, name: 'There', roles: ['viewer'] }))
        .body
      assert.deepEqual([here.id, here.name, there.name], [there.id, 'Here', 'There'])
    })

    describe('ownership', () => {
      const tenant = 'neighbour'
      let owners: TestClient
      const add = async (...roles: string[]) => {
        people += 1
        const body = { email: `owner${people}@example.org`, name: `Owner ${people}`, roles }
        const { id } = (await owners.created<AnyJson>('/api/v1/members', body)).body
        return { id, client: await keyOf(id, ['*'], tenant) }
      }
      const roles = async (id: string) => (await send(owners, 'GET', `/api/v1/members/${id}`)).body.roles
      before(async () => {
        owners = await suite.client(tenant)
      })

      it('the last owner is neither demoted, nor suspended, nor removed; when there is another one they are', async () => {
        const first = await add('owner')
        const path = `/api/v1/members/${first.id}`
        const any = { 'if-match': '*' }
        const demote = () => send(first.client, 'PATCH', path, { roles: ['admin'] }, any)
        assert.equal(codeOf(await demote()), 'last_owner')
        assert.equal(codeOf(await send(owners, 'POST', `${path}/suspension`)), 'last_owner')
        assert.equal(codeOf(await send(owners, 'DELETE', path)), 'last_owner')
        const second = await add('owner')
        await send(owners, 'POST', `/api/v1/members/${second.id}/suspension`)
        assert.equal(codeOf(await demote()), 'last_owner', 'one who is suspended is none')
        await send(owners, 'DELETE', `/api/v1/members/${second.id}/suspension`)
        assert.equal(codeOf(await demote()), 200)
        assert.equal(codeOf(await send(owners, 'DELETE', `/api/v1/members/${second.id}`)), 'last_owner')
        await send(owners, 'PATCH', path, { roles: ['owner'] }, any)
        assert.equal(codeOf(await send(owners, 'DELETE', `/api/v1/members/${second.id}`)), 204)
        await send(owners, 'POST', `/api/v1/members/${(await add('viewer')).id}/ownership`, { from: first.id })
      })

      it('of two owners who go at the same moment, one stays', async () => {
        const { data } = (await send(owners, 'GET', '/api/v1/members?role=owner&limit=100')).body
        const other = await add('owner')
        const both = [...data.map((owner: AnyJson) => owner.id), other.id]
        assert.equal(both.length, 2)
        const any = { 'if-match': '*' }
        const answers = await Promise.all(
          both.map((id) => send(owners, 'PATCH', `/api/v1/members/${id}`, { roles: ['admin'] }, any)),
        )
        assert.deepEqual(answers.map(codeOf).sort(), [200, 'last_owner'])
      })

      it('is handed over in one step, by an owner alone', async () => {
        const { data } = (await send(owners, 'GET', '/api/v1/members?role=owner&limit=100')).body
        const old = { id: data[0].id as string, client: await keyOf(data[0].id, ['*'], tenant) }
        const heir = await add('member')
        const admin = await add('admin')
        const path = `/api/v1/members/${heir.id}/ownership`
        assert.equal(codeOf(await send(admin.client, 'POST', path, {})), 'forbidden')
        const narrow = await keyOf(old.id, ['identity:own', 'identity:self'], tenant)
        assert.equal(codeOf(await send(narrow, 'POST', path, {})), 'forbidden', 'the lesser wins')
        assert.equal(codeOf(await send(old.client, 'POST', path, {})), 200)
        assert.deepEqual(await roles(heir.id), ['member', 'owner'])
        assert.ok((await roles(old.id)).includes('admin') && !(await roles(old.id)).includes('owner'))
        assert.equal(codeOf(await send(old.client, 'POST', path, {})), 'forbidden')
      })
    })

    it('a team gives its roles to whoever is in it, as long as they are', async () => {
      const { client, id } = await person('viewer')
      const team = (await root.created<AnyJson>('/api/v1/teams', { name: `Writers ${people}`, roles: ['member'] })).body
      const write = async () => codeOf(await send(client, 'POST', '/api/v1/links', { target: 'https://example.com/' }))
      const path = `/api/v1/teams/${team.id}/members/${id}`
      assert.equal(await write(), 'forbidden')
      assert.equal((await send(root, 'PUT', path)).status, 204)
      assert.equal((await send(root, 'PUT', path)).status, 204, 'again')
      assert.equal(await write(), 201)
      assert.deepEqual((await send(root, 'GET', `/api/v1/teams/${team.id}/members`)).body.data.length, 1)
      assert.equal((await send(root, 'DELETE', path)).status, 204)
      assert.equal(await write(), 'forbidden')
      await send(root, 'PUT', path)
      const any = { 'if-match': '*' }
      assert.equal((await send(root, 'PATCH', `/api/v1/teams/${team.id}`, { roles: [] }, any)).status, 200)
      assert.equal(await write(), 'forbidden')
    })

    it('a grant in the whole tenant gives a role, for a while', async () => {
      const { client, id } = await person('viewer')
      const write = async () => codeOf(await send(client, 'POST', '/api/v1/links', { target: 'https://example.com/' }))
      const body = { subject: { type: 'person', id }, role: 'member' }
      const grant = (await root.created<AnyJson>('/api/v1/grants', body)).body
      assert.equal(await write(), 201)
      assert.equal(codeOf(await send(root, 'POST', '/api/v1/grants', body)), 'grant_exists')
      assert.equal((await send(root, 'GET', `/api/v1/grants?subjectId=${id}`)).body.data.length, 1)
      assert.equal((await send(root, 'DELETE', `/api/v1/grants/${grant.id}`)).status, 204)
      assert.equal(await write(), 'forbidden')
      const past = { ...body, expiresAt: '2020-01-01T00:00:00Z' }
      assert.equal(codeOf(await send(root, 'POST', '/api/v1/grants', past)), 'validation_failed')
      const owner = { ...body, role: 'owner' }
      assert.equal(codeOf(await send(root, 'POST', '/api/v1/grants', owner)), 'validation_failed')
    })

    it('a service account’s keys do what its roles allow, until it is switched off or gone', async () => {
      const account = (await root.created<AnyJson>('/api/v1/service-accounts', { name: 'Import', roles: ['member'] }))
        .body
      const path = `/api/v1/service-accounts/${account.id}`
      const made = (await root.created<AnyJson>(`${path}/keys`, { name: 'Nightly', scopes: ['*'] })).body
      const client = new TestClient(suite.program.url, made.key)
      const read = async (url = '/api/v1/links') => codeOf(await send(client, 'GET', url))
      assert.deepEqual([await read(), await read('/api/v1/audit')], [200, 'forbidden'])
      const any = { 'if-match': '*' }
      assert.equal((await send(root, 'PATCH', path, { disabled: true }, any)).status, 200)
      assert.equal(await read(), 'unauthenticated')
      await send(root, 'PATCH', path, { disabled: false, roles: ['viewer'] }, any)
      assert.equal(await read(), 200)
      const rotated = await send(root, 'POST', `/api/v1/api-keys/${made.id}/rotation`, { overlapSeconds: 3_600 })
      const second = new TestClient(suite.program.url, rotated.body.key)
      assert.deepEqual([await read(), codeOf(await send(second, 'GET', '/api/v1/links'))], [200, 200])
      assert.equal((await send(root, 'DELETE', path)).status, 204)
      assert.deepEqual(
        [await read(), codeOf(await send(second, 'GET', '/api/v1/links'))],
        ['unauthenticated', 'unauthenticated'],
      )
    })

    it('a grant on one link allows what the role does, with this link and with no other', async () => {
      const nothing = await role('identity:self', 'realtime:connect')
      const { client, id } = await person(nothing)
      const [own, other] = [
        (await root.created<AnyJson>('/api/v1/links', { target: 'https://example.com/own' })).body,
        (await root.created<AnyJson>('/api/v1/links', { target: 'https://example.com/other' })).body,
      ]
      const follow = async (channel: string) =>
        codeOf(await send(client, 'GET', `/api/v1/events?channels=${channel}&follow=false`))
      const tried = async (link: AnyJson) => {
        const path = `/api/v1/links/${link.id}`
        return [
          codeOf(await send(client, 'GET', path)),
          codeOf(await send(client, 'GET', `${path}/clicks`)),
          codeOf(await send(client, 'GET', `${path}/analytics`)),
          codeOf(await send(client, 'PATCH', path, { title: 'Mine' }, { 'if-match': '*' })),
          codeOf(await send(client, 'POST', `${path}/archival`)),
          await follow(`link:${link.id}`),
          await follow(`link-clicks:${link.id}`),
        ]
      }
      const none = Array(7).fill('forbidden')
      assert.deepEqual(await tried(own), none)
      const resource = { kind: 'link', id: own.id }
      const grant = { subject: { type: 'person', id }, role: 'member', resource }
      const { id: grantId } = (await root.created<AnyJson>('/api/v1/grants', grant)).body
      assert.deepEqual(await tried(own), Array(7).fill(200))
      assert.deepEqual(await tried(other), none)
      for (const channel of ['links', 'link-clicks']) assert.equal(await follow(channel), 'forbidden', channel)
      assert.equal(codeOf(await send(client, 'GET', '/api/v1/links')), 'forbidden', 'nor with the list of them')
      await send(root, 'DELETE', `/api/v1/grants/${grantId}`)
      assert.deepEqual(await tried(own), none)
    })

    it('a key of a service account is given no more than whoever makes it holds, the right to make keys included', async () => {
      const { client } = await person(await role('identity:manage', 'identity:read', 'links:read'))
      const account = (await root.created<AnyJson>('/api/v1/service-accounts', { name: 'Reader', roles: [] })).body
      const make = async (...scopes: string[]) =>
        codeOf(await send(client, 'POST', `/api/v1/service-accounts/${account.id}/keys`, { name: 'k', scopes }))
      assert.equal(await make('links:read'), 201)
      for (const scope of ['apiKeys:write', 'apiKeys:*', 'links:write', '*'])
        assert.equal(await make(scope), 'forbidden', scope)
    })

    it('explains a decision: by which role, team or grant, or what is missing', async () => {
      const { client, id } = await person('viewer')
      const ask = async (permission: string, more: object = {}, who = client) =>
        (await send(who, 'POST', '/api/v1/authorize', { permission, ...more })).body
      const read = await ask('links:read')
      assert.deepEqual(
        [read.allowed, read.reasons[0].via, read.reasons[0].role, read.missing],
        [true, 'membership', 'viewer', []],
      )
      const write = await ask('links:write')
      assert.deepEqual(
        [write.allowed, write.reasons, write.missing, write.rolesThatAllow.slice(-3)],
        [false, [], ['role'], ['member', 'admin', 'owner']],
      )
      const narrow = await keyOf(id, ['identity:self'])
      const scoped = await ask('links:read', {}, narrow)
      assert.deepEqual([scoped.allowed, scoped.missing, scoped.reasons.length], [false, ['scope'], 1])
      const resource = { kind: 'link', id: '7' }
      const grant = { subject: { type: 'person', id }, role: 'member', resource }
      const { id: grantId } = (await root.created<AnyJson>('/api/v1/grants', grant)).body
      const there = await ask('links:write', { resource })
      assert.deepEqual([there.allowed, there.reasons[0].via, there.reasons[0].id], [true, 'grant', grantId])
      assert.equal((await ask('links:write', { resource: { kind: 'link', id: '8' } })).allowed, false)
      const { body } = await send(client, 'GET', '/api/v1/me/permissions')
      assert.deepEqual(body.grants[0].resource, resource)
      const other = await person('member')
      const ofOther = await ask('links:write', { subject: { type: 'person', id: other.id } })
      assert.deepEqual([ofOther.allowed, ofOther.reasons[0].role], [true, 'member'])
      const nobody = await ask('links:read', { subject: { type: 'person', id: suite.tenants.pooled.id } })
      assert.deepEqual([nobody.allowed, nobody.missing], [false, ['member']])
    })
  })
}
