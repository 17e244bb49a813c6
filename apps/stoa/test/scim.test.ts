/*
 * Provisioning by directories, through the whole program: the requests are those that Entra ID and Okta send, and what
 * somebody would send who means harm.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type AnyJson, engines, type Suite, type TestAnswer, TestClient, testCtx } from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { newAddress, startProgram } from './suite.ts'

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const PATCH_OP = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error'
const LIST = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
const SCIM = { 'content-type': 'application/scim+json; charset=utf-8', accept: 'application/scim+json' }

type Answer = TestAnswer<AnyJson>

/** As Entra ID makes a user. */
function entraUser(name = `ada-${randomUUID()}`) {
  return {
    schemas: [USER, ENTERPRISE],
    externalId: `ext-${name}`,
    userName: `${name}@contoso.example`,
    active: true,
    displayName: 'Ada Lovelace',
    emails: [{ primary: true, type: 'work', value: `${name}@contoso.example` }],
    meta: { resourceType: 'User' },
    name: { formatted: 'Ada Lovelace', familyName: 'Lovelace', givenName: 'Ada' },
    roles: [],
    title: 'Countess',
    phoneNumbers: [{ type: 'mobile', value: '+1 555' }],
    [ENTERPRISE]: { department: 'Engines' },
  }
}

for (const engine of engines) {
  describe(`a directory, on ${engine}`, () => {
    let suite: Suite<Stoa>
    let root: TestClient
    let directory: TestClient
    before(async () => {
      suite = await startProgram(engine)
      root = await suite.client()
      directory = await keyWith('identity:provision')
    })
    after(() => suite?.[Symbol.asyncDispose]())

    async function keyWith(...scopes: string[]): Promise<TestClient> {
      const ctx = testCtx({ tenant: suite.tenants.pooled })
      const { token } = await suite.program.apiKeys.create(ctx, { name: 'directory', scopes, expiresAt: null })
      return new TestClient(suite.program.url, token)
    }
    const send = (
      method: string,
      path: string,
      body?: unknown,
      headers: object = {},
      by = directory,
    ): Promise<Answer> =>
      by.send(method, path.startsWith('/api') ? path : `/scim/v2${path}`, {
        ...(body !== undefined && { body: JSON.stringify(body) }),
        headers: { ...newAddress(), ...(body !== undefined && SCIM), ...headers },
      })
    const find = (kind: string, filter: string, more = '') =>
      send('GET', `/${kind}?filter=${encodeURIComponent(filter)}${more}`)
    const patch = (path: string, ...Operations: object[]) => send('PATCH', path, { schemas: [PATCH_OP], Operations })
    const newUser = async (change: object = {}): Promise<AnyJson> => {
      const answer = await send('POST', '/Users', { ...entraUser(), ...change })
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
      return answer.body
    }
    const newGroup = async (...members: string[]): Promise<AnyJson> => {
      const body = {
        schemas: [GROUP],
        displayName: `Group ${randomUUID()}`,
        members: members.map((value) => ({ value })),
      }
      const answer = await send('POST', '/Groups', body)
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
      return answer.body
    }
    const memberOf = (id: string) => send('GET', `/api/v1/members/${id}`, undefined, {}, root)
    function assertError(answer: Answer, status: number, scimType?: string): void {
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.match(answer.headers.get('content-type') ?? '', /^application\/scim\+json/)
      assert.deepEqual([answer.body.schemas, answer.body.status], [[ERROR], String(status)])
      assert.equal(answer.body.scimType, scimType, JSON.stringify(answer.body))
      assert.equal(typeof answer.body.detail, 'string')
    }

    it('learns what the service can do', async () => {
      const config = await send('GET', '/ServiceProviderConfig')
      assert.equal(config.status, 200)
      assert.match(config.headers.get('content-type') ?? '', /^application\/scim\+json/)
      assert.deepEqual([config.body.patch.supported, config.body.bulk.supported], [true, false])
      const types = await send('GET', '/ResourceTypes')
      assert.deepEqual(
        types.body.Resources.map(({ endpoint }: AnyJson) => endpoint),
        ['/Users', '/Groups'],
      )
      assert.equal((await send('GET', '/ResourceTypes/Group')).body.schema, GROUP)
      assert.equal((await send('GET', `/Schemas/${USER}`)).body.name, 'User')
      assertError(await send('GET', '/Schemas/nothing'), 404)
      assert.equal((await send('GET', '/Schemas')).body.totalResults, 2)
    })

    it('of Entra ID tests the connection, makes somebody, finds them, and changes them', async () => {
      const nobody = await find('Users', `userName eq "${randomUUID()}"`)
      assert.deepEqual([nobody.status, nobody.body.schemas, nobody.body.totalResults], [200, [LIST], 0])
      const wanted = entraUser()
      const made = await send('POST', '/Users', wanted)
      assert.equal(made.status, 201)
      const { id } = made.body
      assert.equal(made.headers.get('location'), `/scim/v2/Users/${id}`)
      assert.equal(made.headers.get('etag'), made.body.meta.version)
      assert.deepEqual(made.body.name, wanted.name)
      assert.deepEqual(
        [made.body.userName, made.body.externalId, made.body.active],
        [wanted.userName, wanted.externalId, true],
      )
      assert.deepEqual((await memberOf(id)).body.roles, ['member'])
      for (const filter of [
        `userName eq "${wanted.userName.toUpperCase()}"`,
        `externalId eq "${wanted.externalId}"`,
        `emails[type eq "work"].value eq "${wanted.userName}"`,
        `id eq "${id}" and active eq true`,
      ]) {
        const { body } = await find('Users', filter)
        assert.deepEqual([body.totalResults, body.Resources[0]?.id], [1, id], filter)
      }
      const changed = await patch(
        `/Users/${id}`,
        { op: 'Replace', path: 'displayName', value: 'Ada King' },
        { op: 'Replace', path: 'name.familyName', value: 'King' },
        { op: 'Add', path: `${ENTERPRISE}:department`, value: 'Poetry' },
        { op: 'Add', path: 'phoneNumbers[type eq "work"].value', value: '+44' },
        { op: 'Add', path: 'emails[type eq "home"].value', value: 'home@contoso.example' },
        { op: 'Replace', path: 'userName', value: `new-${wanted.userName}` },
      )
      assert.equal(changed.status, 200, JSON.stringify(changed.body))
      const { displayName, name, userName } = changed.body
      assert.deepEqual([displayName, name.familyName, userName], ['Ada King', 'King', `new-${wanted.userName}`])
      assert.equal((await memberOf(id)).body.name, 'Ada King')
      const again = { ...entraUser(), userName: `NEW-${wanted.userName}` }
      assertError(await send('POST', '/Users', again), 409, 'uniqueness')
      assertError(await send('POST', '/Users', wanted), 409, 'uniqueness')
    })

    it('of Okta makes somebody with a password that nobody keeps, and sets all of them at once', async () => {
      const email = `okta-${randomUUID()}@example.org`
      const made = await send('POST', '/Users', {
        schemas: [USER],
        userName: email,
        name: { givenName: 'Test', familyName: 'User' },
        emails: [{ primary: true, value: email, type: 'work' }],
        displayName: 'Test User',
        locale: 'en-US',
        externalId: '00ujl29u0le5T6Aj10h7',
        groups: [],
        password: '1mz050nq',
        active: true,
      })
      assert.equal(made.status, 201, JSON.stringify(made.body))
      assert.ok(!JSON.stringify(made.body).includes('1mz050nq'))
      const { id } = made.body
      const listed = await send('GET', '/Users?startIndex=1&count=2')
      assert.equal(listed.body.itemsPerPage, listed.body.Resources.length)
      const renamed = await send('PUT', `/Users/${id}`, {
        ...made.body,
        name: { givenName: 'Another', familyName: 'User' },
      })
      assert.deepEqual([renamed.status, renamed.body.displayName], [200, 'Another User'], JSON.stringify(renamed.body))
      assert.deepEqual(renamed.body.roles, [{ value: 'member' }])
      const off = await patch(`/Users/${id}`, { op: 'replace', value: { active: false } })
      assert.deepEqual([off.status, off.body.active], [200, false])
      assert.equal((await memberOf(id)).body.status, 'suspended')
      const on = await send('PUT', `/Users/${id}`, { ...off.body, active: true })
      assert.deepEqual([on.status, on.body.active], [200, true])
      assert.equal((await send('DELETE', `/Users/${id}`)).status, 204)
      assertError(await send('GET', `/Users/${id}`), 404)
      assertError(await send('DELETE', `/Users/${id}`), 404)
    })

    it('keeps groups as Entra ID and Okta write them', async () => {
      const [ada, bea, cid] = [await newUser(), await newUser(), await newUser()]
      const made = await send('POST', '/Groups', {
        schemas: [GROUP, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
        externalId: randomUUID(),
        displayName: `Group ${randomUUID()}`,
        meta: { resourceType: 'Group' },
      })
      const path = `/Groups/${made.body.id}`
      const insideAfter = async (...operations: object[]) => {
        const { body, status } = await patch(path, ...operations)
        assert.equal(status, 200, JSON.stringify(body))
        return body.members.map(({ value }: AnyJson) => value).sort()
      }
      const value = [{ $ref: null, value: ada.id }]
      assert.deepEqual(await insideAfter({ op: 'Add', path: 'members', value }), [ada.id])
      const two = [{ value: bea.id }, { value: cid.id }]
      assert.deepEqual((await insideAfter({ op: 'add', path: 'members', value: two })).length, 3)
      assert.deepEqual(await insideAfter({ op: 'Remove', path: 'members', value }), [bea.id, cid.id].sort())
      assert.deepEqual(await insideAfter({ op: 'remove', path: `members[value eq "${bea.id}"]` }), [cid.id])
      const { body: user } = await send('GET', `/Users/${cid.id}`)
      assert.deepEqual(
        user.groups.map((group: AnyJson) => group.value),
        [made.body.id],
      )
      const name = `Renamed ${randomUUID()}`
      const renamed = await patch(path, { op: 'replace', value: { id: made.body.id, displayName: name } })
      assert.equal(renamed.body.displayName, name)
      assert.deepEqual(await insideAfter({ op: 'replace', path: 'members', value: [{ value: ada.id }] }), [ada.id])
      const without = await find('Groups', `displayName eq "${name.toUpperCase()}"`, '&excludedAttributes=members')
      assert.equal(without.body.Resources[0].id, made.body.id)
      assert.ok(!('members' in without.body.Resources[0]))
      assert.ok(!('members' in (await send('GET', `${path}?excludedAttributes=members`)).body))
      const asked = (id: string) => find('Groups', `id eq "${made.body.id}" and members[value eq "${id}"]`)
      assert.deepEqual([(await asked(ada.id)).body.totalResults, (await asked(bea.id)).body.totalResults], [1, 0])
      const put = await send('PUT', path, { ...renamed.body, members: [{ value: bea.id }] })
      assert.deepEqual(
        put.body.members.map((member: AnyJson) => member.value),
        [bea.id],
      )
      assertError(await send('POST', '/Groups', { displayName: name }), 409, 'uniqueness')
      assertError(await patch(path, { op: 'add', path: 'members', value: [{ value: randomUUID() }] }), 404)
      assert.equal((await send('DELETE', path)).status, 204)
      assertError(await send('GET', path), 404)
      assert.deepEqual((await send('GET', `/Users/${bea.id}`)).body.groups, [])
    })

    it('pages through all of them, and is told how many there are behind the last page, too', async () => {
      for (let made = 0; made < 3; made++) await newUser()
      for (let made = 0; made < 3; made++) await newGroup()
      for (const kind of ['Users', 'Groups']) {
        const all = await send('GET', `/${kind}`)
        const { totalResults } = all.body
        const seen: string[] = []
        for (let start = 1; start <= totalResults; start += 2) {
          const { body } = await send('GET', `/${kind}?startIndex=${start}&count=2`)
          assert.deepEqual([body.totalResults, body.startIndex], [totalResults, start])
          seen.push(...body.Resources.map(({ id }: AnyJson) => id))
        }
        assert.equal(new Set(seen).size, totalResults)
        const behind = await send('GET', `/${kind}?startIndex=${totalResults + 1}`)
        assert.deepEqual([behind.body.totalResults, behind.body.Resources], [totalResults, []])
        const none = await send('GET', `/${kind}?count=0`)
        assert.deepEqual([none.body.totalResults, none.body.Resources], [totalResults, []])
        assert.equal((await send('GET', `/${kind}?startIndex=-5&count=-1`)).body.startIndex, 1)
        assert.equal((await send('GET', `/${kind}?count=999999`)).status, 200)
        const searched = await find(kind, 'id pr', `&startIndex=2&count=1`)
        assert.deepEqual([searched.body.totalResults, searched.body.Resources[0].id], [totalResults, seen[1]])
      }
      const short = await send('GET', '/Users?attributes=userName&count=1')
      assert.deepEqual(Object.keys(short.body.Resources[0]).sort(), ['id', 'meta', 'schemas', 'userName'])
    })

    it('says which version it means when it likes, and spares an answer that it has', async () => {
      const user = await newUser()
      const path = `/Users/${user.id}`
      const tag = user.meta.version
      const spared = await send('GET', path, undefined, { 'if-none-match': tag })
      assert.deepEqual([spared.status, spared.body], [304, null])
      const group = await newGroup(user.id)
      const fresh = await send('GET', path, undefined, { 'if-none-match': tag })
      assert.equal(fresh.status, 200, 'who is in another group is shown otherwise')
      const body = { ...user, displayName: 'Somebody' }
      assertError(await send('PUT', path, body, { 'if-match': tag }), 412)
      assert.equal((await send('PUT', path, body, { 'if-match': fresh.body.meta.version })).status, 200)
      const again = await send('PUT', path, body, { 'if-match': '*' })
      assert.deepEqual([again.status, again.body.displayName], [200, 'Somebody'], 'the same twice is the same')
      const late = { displayName: group.displayName, members: [] }
      assertError(await send('PUT', `/Groups/${group.id}`, late, { 'if-match': group.meta.version }), 412)
    })

    it('is refused in the words of SCIM', async () => {
      const user = await newUser()
      const path = `/Users/${user.id}`
      assertError(await find('Users', 'userName eq ada'), 400, 'invalidFilter')
      assertError(await find('Groups', 'members ne "x"'), 400, 'invalidFilter')
      assertError(await send('POST', '/Users', { schemas: [USER] }), 400, 'invalidValue')
      assertError(await send('POST', '/Users', { userName: 'no address' }), 400, 'invalidValue')
      assertError(await send('POST', '/Users', { ...entraUser(), roles: [{ value: 'emperor' }] }), 400, 'invalidValue')
      assertError(await patch(path, { op: 'replace', path: 'tenantId', value: 'x' }), 400, 'invalidPath')
      assertError(await patch(path, { op: 'replace', path: 'id', value: randomUUID() }), 400, 'mutability')
      assertError(
        await patch(path, { op: 'replace', path: 'emails[type eq "work"].value', value: 'x@y.example' }),
        400,
        'mutability',
      )
      assertError(await send('GET', `/Users/${randomUUID()}`), 404)
      assertError(await send('GET', '/Users', undefined, {}, suite.anonymous()), 401)
      assertError(await send('GET', '/Users', undefined, {}, await keyWith('identity:manage', 'identity:read')), 403)
      assertError(await send('POST', '/Users', entraUser(), { 'content-type': 'text/plain' }), 415)
      const broken = await directory.send<AnyJson>('POST', '/scim/v2/Users', { body: '{"a":', headers: SCIM })
      assertError(broken, 400, 'invalidSyntax')
    })

    it('gives no more than a member has, unless its key holds it', async () => {
      const admin = { roles: [{ value: 'admin' }] }
      assertError(await send('POST', '/Users', { ...entraUser(), ...admin }), 403)
      const user = await newUser()
      const path = `/Users/${user.id}`
      assertError(await patch(path, { op: 'add', path: 'roles', value: [{ value: 'admin' }] }), 403)
      assertError(await patch(path, { op: 'replace', value: { roles: [{ value: 'owner' }] } }), 403)
      assert.deepEqual((await memberOf(user.id)).body.roles, ['member'])
      const strong = await keyWith('*')
      assert.equal((await send('PUT', path, { ...user, ...admin }, {}, strong)).status, 200)
      assert.deepEqual((await memberOf(user.id)).body.roles, ['admin'])
      assert.equal((await send('PUT', path, { ...user, roles: [] })).status, 200)
      assert.deepEqual((await memberOf(user.id)).body.roles, ['admin'])
      const team = await root.created<AnyJson>('/api/v1/teams', { name: `Admins ${randomUUID()}`, roles: ['admin'] })
      const joining = { op: 'add', path: 'members', value: [{ value: user.id }] }
      assertError(await patch(`/Groups/${team.body.id}`, joining), 403)
      assertError(await send('DELETE', `/Groups/${team.body.id}`), 403)
    })

    it('suspends and removes whoever has left, and leaves owners to owners', async () => {
      const strong = await keyWith('*')
      const admin = (await send('POST', '/Users', { ...entraUser(), roles: [{ value: 'admin' }] }, {}, strong)).body
      const off = { op: 'Replace', path: 'active', value: 'False' }
      assert.equal((await patch(`/Users/${admin.id}`, off)).body.active, false)
      // To let an admin back in gives something.
      assertError(await patch(`/Users/${admin.id}`, { ...off, value: 'True' }), 403)
      const team = await root.created<AnyJson>('/api/v1/teams', { name: `Leads ${randomUUID()}`, roles: ['admin'] })
      const lead = await newUser()
      await root.send('PUT', `/api/v1/teams/${team.body.id}/members/${lead.id}`)
      assert.equal((await patch(`/Users/${lead.id}`, off)).body.active, false)
      assertError(await patch(`/Users/${lead.id}`, { ...off, value: 'True' }), 403)
      assert.equal((await send('DELETE', `/Users/${admin.id}`)).status, 204)
      const owner = (await send('POST', '/Users', { ...entraUser(), roles: [{ value: 'owner' }] }, {}, strong)).body
      assertError(await patch(`/Users/${owner.id}`, off), 403)
      assertError(await patch(`/Users/${owner.id}`, { op: 'replace', path: 'displayName', value: 'Nobody' }), 403)
      assertError(await send('DELETE', `/Users/${owner.id}`), 403)
    })

    it('takes texts as texts', async () => {
      const before = (await send('GET', '/Users?count=0')).body.totalResults
      for (const text of ["' or '1'='1", "'; drop table stoa.people; --", '%', '_', '\\', '$1', '") or ("1" eq "1']) {
        for (const name of ['userName', 'externalId', 'id', 'emails.value', 'displayName']) {
          const { body, status } = await find('Users', `${name} eq ${JSON.stringify(text)}`)
          assert.deepEqual([status, body.totalResults], [200, 0], `${name} ${text}`)
        }
        const user = await newUser({ displayName: text, externalId: text })
        assert.deepEqual([user.displayName, user.externalId], [text, text])
        assert.equal((await send('DELETE', `/Users/${user.id}`)).status, 204)
      }
      assert.equal((await send('GET', '/Users?count=0')).body.totalResults, before)
      assertError(await find('Users', `userName eq "a" or ${'('.repeat(800)}`), 400, 'invalidFilter')
      assert.ok([414, 422].includes((await find('Users', '('.repeat(10_000))).status))
      assert.equal((await find('Users', 'userName eq "\u0000"')).status, 422)
      for (const value of ['a\u0000b', '\ud800']) {
        assertError(await send('POST', '/Users', { ...entraUser(), displayName: value }), 422, 'invalidSyntax')
        const late = { op: 'replace', path: 'displayName', value }
        assertError(await patch(`/Users/${randomUUID()}`, late), 422, 'invalidSyntax')
      }
      assertError(
        await send('POST', '/Users', { ...entraUser(), displayName: 'x'.repeat(900_000) }),
        400,
        'invalidValue',
      )
      const poison = JSON.stringify(entraUser()).replace('{', '{"__proto__":{"active":false},')
      const poisoned = await directory.send<AnyJson>('POST', '/scim/v2/Users', { body: poison, headers: SCIM })
      assertError(poisoned, 400, 'invalidSyntax')
    })

    it('makes one of two who come at once with one name', async () => {
      const userName = `twin-${randomUUID()}@example.org`
      const twins = Array.from({ length: 4 }, () => ({ ...entraUser(), userName }))
      const answers = await Promise.all(twins.map((twin) => send('POST', '/Users', twin)))
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409])
    })

    it('sees and touches nobody of another tenant', async () => {
      const user = await newUser()
      const group = await newGroup(user.id)
      const neighbour = await suite.client('neighbour')
      const elsewhere = (method: string, path: string, body?: unknown) => send(method, path, body, {}, neighbour)
      assertError(await elsewhere('GET', `/Users/${user.id}`), 404)
      assertError(await elsewhere('PUT', `/Users/${user.id}`, user), 404)
      assertError(await elsewhere('DELETE', `/Users/${user.id}`), 404)
      assertError(await elsewhere('GET', `/Groups/${group.id}`), 404)
      const theirs = await elsewhere('GET', `/Users?filter=${encodeURIComponent(`id eq "${user.id}"`)}`)
      assert.equal(theirs.body.totalResults, 0)
      const joined = { displayName: `Theirs ${randomUUID()}`, members: [{ value: user.id }] }
      assertError(await elsewhere('POST', '/Groups', joined), 404)
    })
  })
}
