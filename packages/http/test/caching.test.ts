import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errors, newId, StoaError } from '@stoa/kernel'
import { Type } from 'typebox'
import { type CacheOutcome, cameBy, defineRoute, etag, openapiDocument, wantsFresh } from '../src/index.ts'
import { openApp, openDatabase, openNode, send } from './setup.ts'

const Page = Type.Object({ title: Type.String(), version: Type.Integer() })

interface Shown {
  readonly parameters: readonly { readonly $ref: string }[]
  readonly responses: Readonly<Record<string, { readonly headers: object }>>
}

/** A page that is kept after it was read once; its version is what the test says. */
function pages(state: { version: number; fails?: boolean }) {
  let kept: number | null = null
  return defineRoute({
    method: 'GET',
    url: '/page',
    operationId: 'getPage',
    tags: ['test'],
    summary: 'Shows a page',
    permission: null,
    cached: true,
    schema: { response: { 200: Page } },
    handler(_ctx, { headers }, reply) {
      const outcome: CacheOutcome = wantsFresh(headers) ? 'bypass' : kept === null ? 'miss' : 'hit'
      if (outcome !== 'bypass') kept ??= state.version
      const version = outcome === 'bypass' ? state.version : Number(kept)
      cameBy(reply, outcome)
      reply.header('etag', etag(version))
      if (state.fails) throw new StoaError(errors.internal)
      return { title: 'Welcome', version }
    },
  })
}

describe('a route that reads through a cache', () => {
  it('says how its answer came, and lets whoever asked keep it as long as he asks each time', async () => {
    const state = { version: 1, fails: false }
    await using http = await openApp([pages(state)])
    const ask = (headers = {}) => send(http, null, { url: '/page', headers })
    const first = await ask()
    assert.equal(first.headers['x-cache'], 'miss')
    assert.equal(first.headers['cache-control'], 'private, no-cache')
    assert.equal(first.headers.vary, 'authorization, x-api-key')
    state.version = 2
    assert.equal((await ask()).headers['x-cache'], 'hit')
    for (const words of ['no-cache', 'max-age=0, No-Cache', 'no-store']) {
      const fresh = await ask({ 'cache-control': words })
      assert.deepEqual([fresh.headers['x-cache'], fresh.body.version], ['bypass', 2], words)
    }
    assert.equal((await ask({ 'cache-control': 'no-cacheable, max-age=0' })).headers['x-cache'], 'hit')
    const unchanged = await ask({ 'if-none-match': '"1"' })
    assert.deepEqual([unchanged.status, unchanged.text, unchanged.headers['x-cache']], [304, '', 'hit'])
    assert.equal(unchanged.headers['cache-control'], 'private, no-cache')
    state.fails = true
    const failed = await ask()
    assert.deepEqual([failed.status, failed.headers['x-cache'], failed.headers.etag], [500, undefined, undefined])
  })

  it('shows that in the document', async () => {
    const document = await openapiDocument({
      title: 'Test',
      version: '1',
      schemes: [],
      routes: [pages({ version: 1 })],
    })
    const operation = document.paths['/page']?.get as Shown | undefined
    const { parameters = [], responses = {} } = operation ?? {}
    assert.ok(parameters.some(({ $ref }) => $ref === '#/components/parameters/CacheControl'))
    for (const status of [200, 304]) {
      const headers = Object.keys(responses[status]?.headers ?? {})
      assert.deepEqual(
        ['Cache-Control', 'ETag', 'X-Cache'].filter((name) => !headers.includes(name)),
        [],
      )
    }
  })

  it('is a GET', () => {
    const write = () =>
      defineRoute({
        method: 'POST',
        url: '/page',
        operationId: 'writePage',
        tags: ['test'],
        summary: 'Writes a page',
        permission: 'pages:write',
        cached: true,
        schema: { response: { 204: Type.Null() } },
        handler: () => null,
      })
    assert.throws(write, /only a GET is cached/)
  })
})

describe('a change that is answered with the version of what its path names', () => {
  it('says how it takes If-Match: a tag that its caller was given must not be passed over', () => {
    const restore = (updates?: 'if-match-when-sent', response: object = { 200: Page }) =>
      defineRoute({
        method: 'DELETE',
        url: '/pages/:id/archival',
        operationId: 'restorePage',
        tags: ['test'],
        summary: 'Puts a page back',
        permission: 'pages:write',
        updates,
        schema: { response: response as { 200: typeof Page } },
        handler: () => ({ title: 'Welcome', version: 2 }),
      })
    assert.throws(() => restore(), /restorePage .* does not say how it takes If-Match: updates/)
    assert.equal(restore('if-match-when-sent').updates, 'if-match-when-sent')
    assert.equal(restore(undefined, { 204: Type.Null() }).updates, undefined)
  })
})

describe('whoever is told of a write that another process may have made', () => {
  it('is told when this process has caught up: a replay, and a version that was moved on', async () => {
    await using database = await openDatabase('pglite')
    const told: string[] = []
    const caughtUp = async () => void told.push('caught up')
    const patch = defineRoute({
      method: 'PATCH',
      url: '/page',
      operationId: 'changePage',
      tags: ['test'],
      summary: 'Changes a page',
      permission: 'notes:write',
      updates: 'if-match',
      schema: { response: { 204: Type.Null() } },
      handler(_ctx, { ifMatch }) {
        ifMatch.check(2)
        told.push('written')
        return null
      },
    })
    await using node = await openNode(database, { routes: () => [patch], more: { caughtUp } })
    const key = await node.key(database.pooled)
    const ask = (version: number, idempotencyKey: string) =>
      node.send(key, {
        method: 'PATCH',
        url: '/page',
        headers: { 'if-match': etag(version), 'idempotency-key': idempotencyKey },
      })
    const [one, two] = [newId(), newId()]
    assert.equal((await ask(2, one)).status, 204)
    assert.deepEqual(told.splice(0), ['written'])
    assert.equal((await ask(2, one)).headers['idempotent-replayed'], 'true')
    // The handler may have begun, and was undone.
    assert.equal(told.splice(0).at(-1), 'caught up')
    assert.equal((await ask(1, two)).status, 412)
    assert.deepEqual(told, ['caught up'])
  })
})
