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

    test('a key is not rotated by somebody who holds less', async () => {
      const { apiKey } = await keyOf(['*'], ['*'])
      const { token } = await keyOf(['apiKeys:*'], ['*'])
      const url = `/api/v1/api-keys/${apiKey.id}/rotation`
      assert.equal((await node.send(token, { method: 'POST', url, payload: {} })).status, 403)
    })
  })
}

test('a resource that the path does not name is a mistake of the program', () => {
  const { handler, ...spec } = readNote
  assert.throws(
    () =>
      defineRoute({ ...spec, handler, permission: 'notes:read', resource: { kind: 'note', param: 'noteId' } } as never),
    /its path has no ':noteId' for the resource/,
  )
})
