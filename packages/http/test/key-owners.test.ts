import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { newId, type ResourceGrants } from '@stoa/kernel'
import { engines, testCtx } from '@stoa/testkit'
import { Type } from 'typebox'
import { defineRoute, type KeyBounds } from '../src/index.ts'
import { type HttpDatabase, type Node, openDatabase, openNode } from './setup.ts'

const readNotes = defineRoute({
  method: 'GET',
  url: '/notes',
  operationId: 'readNotes',
  tags: ['test'],
  summary: 'Says for whom',
  permission: 'notes:read',
  schema: { response: { 200: Type.Object({ owner: Type.String() }) } },
  handler: (ctx) => ({ owner: `${ctx.owner?.type}:${ctx.owner?.id}` }),
})
const readNote = defineRoute({
  method: 'GET',
  url: '/notes/:id',
  operationId: 'readNote',
  tags: ['test'],
  summary: 'Answers',
  permission: 'notes:read',
  resource: { kind: 'note', param: 'id' },
  schema: { params: Type.Object({ id: Type.String() }), response: { 204: Type.Null() } },
  handler: () => null,
})

for (const engine of engines) {
  describe(`keys that belong to somebody (${engine})`, () => {
    let database: HttpDatabase
    let node: Node
    let asked = 0
    const owners = new Map<string, KeyBounds | null>()

    before(async () => {
      database = await openDatabase(engine)
      node = await openNode(database, { routes: () => [readNotes, readNote] })
    })
    after(async () => {
      await node?.[Symbol.asyncDispose]()
      await database?.[Symbol.asyncDispose]()
    })

    /** A key of a person who may do this. */
    async function keyOf(scopes: string[], permissions: string[], grants?: ResourceGrants) {
      const id = newId()
      owners.set(id, { permissions: new Set(permissions), grants })
      const ctx = testCtx({ tenant: database.pooled, actor: { type: 'person', id } })
      const { apiKey, token } = await node.keys.create(ctx, { name: 'own', scopes, expiresAt: null })
      return { id, apiKey, token, ctx }
    }
    const read = async (token: string, url = '/notes') => (await node.send(token, { url })).status

    test('are refused as long as nobody knows their owners', async () => {
      const { token } = await keyOf(['*'], ['*'])
      assert.equal(await read(token), 401)
      node.keys.boundBy({
        boundsOf(_tenant, { id }) {
          asked += 1
          const bounds = owners.get(id) ?? null
          return asked % 2 === 0 ? bounds : Promise.resolve(bounds)
        },
      })
      assert.equal(await read(token), 200)
    })

    test('belong to the person who makes them, and so do those that such a key makes', async () => {
      const { apiKey, id, token } = await keyOf(['*'], ['*'])
      assert.deepEqual([apiKey.ownerType, apiKey.ownerId], ['person', id])
      assert.deepEqual((await node.send(token, { url: '/notes' })).body, { owner: `person:${id}` })
      const body = { name: 'second', scopes: ['notes:read'] }
      const made = await node.send(token, { method: 'POST', url: '/api/v1/api-keys', payload: body })
      assert.equal(made.body.apiKey.ownerId, id)
      const listed = await node.send(token, { url: `/api/v1/api-keys?ownerId=${id}` })
      assert.equal(listed.body.data.length, 2)
    })

    test('do what their scopes and their owner allow, from one request to the next', async () => {
      const { id, token } = await keyOf(['notes:*'], ['*'])
      assert.equal(await read(token), 200)
      owners.set(id, { permissions: new Set(['notes:write']) })
      assert.equal(await read(token), 403)
      owners.set(id, { permissions: new Set(['notes:read', 'apiKeys:read']) })
      assert.equal(await read(token), 200)
      assert.equal(await read(token, '/api/v1/api-keys'), 403)
    })

    test('are refused when their owner is gone', async () => {
      const { id, token } = await keyOf(['*'], ['*'])
      assert.equal(await read(token), 200)
      owners.set(id, null)
      assert.equal(await read(token), 401)
    })

    test('reach the one thing that was granted to their owner, within their scopes', async () => {
      const grants = new Map([['note:7', new Set(['notes:read', 'notes:write'])]])
      const { token } = await keyOf(['notes:read'], [], grants)
      assert.equal(await read(token, '/notes/7'), 204)
      assert.equal(await read(token, '/notes/8'), 403)
      assert.equal(await read(token), 403)
      const other = await keyOf(['apiKeys:read'], [], grants)
      assert.equal(await read(other.token, '/notes/7'), 403)
    })

    test('are made, seen, changed, rotated and revoked by who may do that to their own, and others’ do not exist for them', async () => {
      const mine = await keyOf(['notes:read', 'apiKeys:own'], ['notes:*', 'apiKeys:own'])
      const other = await keyOf(['notes:read'], ['*'])
      const nobodys = await node.keys.create(testCtx({ tenant: database.pooled }), {
        ...{ name: 'nobody', scopes: ['notes:read', 'apiKeys:own'], expiresAt: null },
      })
      const ask = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, payload?: object, token = mine.token) =>
        node.send(token, {
          ...{ method, url: `/api/v1/api-keys${path}`, headers: { 'if-match': '*' } },
          ...(payload && { payload }),
        })
      const made = await ask('POST', '', { name: 'till', scopes: ['notes:read'] })
      assert.deepEqual([made.status, made.body.apiKey.ownerId], [201, mine.id], made.text)
      assert.equal(
        (await ask('POST', '', { name: 'more', scopes: ['notes:write'] })).status,
        403,
        'more than the key may',
      )
      const { id } = made.body.apiKey
      const listed = await ask('GET', '')
      assert.deepEqual(listed.body.data.map((key: { id: string }) => key.id).sort(), [mine.apiKey.id, id].sort())
      assert.deepEqual((await ask('GET', `?ownerId=${other.id}`)).body.data, [])
      for (const theirs of [other.apiKey.id, nobodys.apiKey.id, newId()]) {
        const answers = [
          await ask('GET', `/${theirs}`),
          await ask('PATCH', `/${theirs}`, { name: 'x' }),
          await ask('POST', `/${theirs}/rotation`, {}),
          await ask('DELETE', `/${theirs}`),
        ]
        assert.deepEqual(
          answers.map(({ body, status }) => [status, body.code]),
          Array.from(answers, () => [404, 'not_found']),
        )
      }
      assert.equal(await read(other.token), 200)
      assert.equal((await ask('GET', `/${id}`)).body.name, 'till')
      assert.equal((await ask('PATCH', `/${id}`, { name: 'desk' })).body.name, 'desk')
      assert.equal((await ask('PATCH', `/${id}`, { scopes: ['notes:write'] })).status, 403)
      const next = await ask('POST', `/${id}/rotation`, { overlapSeconds: 0 })
      assert.deepEqual([next.status, next.body.apiKey.ownerId], [201, mine.id], next.text)
      assert.equal((await ask('DELETE', `/${next.body.apiKey.id}`)).status, 204)
      assert.equal(await read(next.body.key), 401)
      // A key that is nobody's owns nothing, and makes nothing.
      assert.equal((await ask('GET', '', undefined, nobodys.token)).status, 403)
      assert.equal((await ask('POST', '', { name: 'x', scopes: ['notes:read'] }, nobodys.token)).status, 403)
      await assert.rejects(
        node.keys.create(
          testCtx({ tenant: database.pooled, actor: mine.ctx.actor, permissions: new Set(['apiKeys:own']) }),
          {
            ...{ name: 'for another', scopes: ['apiKeys:own'], expiresAt: null },
            owner: { type: 'person', id: other.id },
          },
        ),
        { code: 'forbidden' },
      )
    })

    test('are revoked together', async () => {
      const { ctx, id, token } = await keyOf(['*'], ['*'])
      const stays = await keyOf(['*'], ['*'])
      await node.keys.revokeOwned(ctx, id)
      assert.equal(await read(token), 401)
      assert.equal(await read(stays.token), 200)
    })

    test('a rotated key has the same name, scopes and owner, and both are good for a while', async () => {
      const { apiKey, id, token } = await keyOf(['notes:read', 'apiKeys:*'], ['*'])
      const rotate = (payload: object, key = token) =>
        node.send(key, { method: 'POST', url: `/api/v1/api-keys/${apiKey.id}/rotation`, payload })
      const made = await rotate({ overlapSeconds: 3_600 })
      assert.equal(made.status, 201, made.text)
      const { apiKey: next, key } = made.body
      assert.deepEqual(
        [next.name, next.scopes, next.ownerId, next.expiresAt],
        ['own', ['notes:read', 'apiKeys:*'], id, null],
      )
      assert.deepEqual([await read(token), await read(key)], [200, 200])
      const old = await node.send(key, { url: `/api/v1/api-keys/${apiKey.id}` })
      const leftMs = new Date(old.body.expiresAt).getTime() - Date.now()
      assert.ok(leftMs > 3_000_000 && leftMs <= 3_600_000, `${leftMs}`)
      assert.equal((await rotate({ overlapSeconds: 0 }, key)).status, 201)
      assert.deepEqual([await read(token), await read(key)], [401, 200])
    })

    test('a key of a person is not given to anybody else by rotating it, whatever they hold', async () => {
      const { apiKey, token } = await keyOf(['notes:read'], ['*'])
      const admin = await keyOf(['*'], ['*'])
      const rotated = await node.send(admin.token, {
        ...{ method: 'POST', url: `/api/v1/api-keys/${apiKey.id}/rotation`, payload: {} },
      })
      assert.deepEqual([rotated.status, rotated.body.code, rotated.body.key], [403, 'forbidden', undefined])
      assert.equal(await read(token), 200, 'nothing has happened to it')
      const url = `/api/v1/api-keys/${apiKey.id}`
      assert.equal((await node.send(admin.token, { method: 'DELETE', url })).status, 204)
      assert.equal(await read(token), 401)
    })

    test('a key is not rotated by somebody who holds less', async () => {
      const { apiKey } = await keyOf(['*'], ['*'])
      const { token } = await keyOf(['apiKeys:*'], ['*'])
      const url = `/api/v1/api-keys/${apiKey.id}/rotation`
      assert.equal((await node.send(token, { method: 'POST', url, payload: {} })).status, 403)
    })
  })
}

test('what is one’s own is said beside what all need, and not beside a resource', () => {
  const { handler, ...spec } = readNote
  assert.throws(() => defineRoute({ ...spec, handler, own: 'notes:own' } as never), /own 'notes:own' is no permission/)
})

test('a resource that the path does not name is a mistake of the program', () => {
  const { handler, ...spec } = readNote
  assert.throws(
    () =>
      defineRoute({ ...spec, handler, permission: 'notes:read', resource: { kind: 'note', param: 'noteId' } } as never),
    /its path has no ':noteId' for the resource/,
  )
})
