/*
 * What every operation that has it promises of If-Match, Idempotency-Key and cursors, tried on each of them through the
 * program.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isId, newId } from '@stoa/kernel'
import {
  type ApiCall,
  type ApiOperation,
  addressOf,
  apiOperations,
  engines,
  type Suite,
  type TestAnswer,
  type TestClient,
} from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { apiCalls, forPrograms } from './api-calls.ts'
import { assertDocumented } from './documented.ts'
import { documentOf, FORM_ON, startProgram } from './suite.ts'

interface Body {
  readonly code?: string
  readonly nextCursor?: string | null
}

/** A field that tells a body from others → what makes it another one that is as good. */
const OTHERS: Readonly<Record<string, object | ((body: never) => object)>> = {
  note: { note: 'other' },
  clientSecret: { name: 'other' },
  subject: { expiresAt: '2099-02-03T04:05:06Z' },
  email: { email: 'other@example.org' },
  permission: { permission: 'links:write' },
  permissions: { permissions: ['mail:read'] },
  expiresInSeconds: { expiresInSeconds: 601 },
  links: ({ links }: { links: unknown[] }) => ({ links: [...links, ...links] }),
  host: ({ host }: { host: string }) => ({ host: `other.${host}` }),
  rootTarget: { notFoundTarget: 'https://example.com/other' },
  overlapSeconds: { overlapSeconds: 61 },
  userAgent: { query: 'a=1' },
  target: { title: 'other' },
  inputSchema: { description: 'other' },
  attempt: { attempt: 2 },
  kind: () => ({ runAt: new Date(Date.now() + 7_200_000).toISOString() }),
  address: { note: 'other' },
  registration: { displayName: 'other' },
  Operations: { Operations: [{ op: 'replace', path: 'externalId', value: 'other' }] },
  userName: { externalId: 'other' },
  displayName: { externalId: 'other' },
  from: ({ from }: { from: string }) => (isId(from) ? { from: newId() } : { replyTo: 'other@example.org' }),
  name: { name: 'other' },
  roles: { roles: ['member'] },
}

/** Versions that nothing here has. */
const STALE = ['"2"', '"0"', 'W/"1"', '""', '"1\'or\'1"', '"2", "3"', '"999999999999999999999"']

/** What is no list of entity tags. */
const BROKEN = ['1', 'nonsense', '"1 or 1=1"', '"1', '"1" "2"', Array(21).fill('"1"').join(',')]

/** A body that is as good, and another one. */
function otherThan(body: object): Record<string, unknown> {
  const [, other = { name: 'other' }] = Object.entries(OTHERS).find(([field]) => field in body) ?? []
  return { ...body, ...(typeof other === 'function' ? other(body as never) : other) }
}

for (const engine of engines) {
  describe(`on ${engine}`, () => {
    let suite: Suite<Stoa>
    let operations: readonly ApiOperation[]
    before(async () => {
      suite = await startProgram(engine)
      operations = apiOperations(forPrograms(await documentOf(suite))).filter(({ permission }) => permission !== null)
    })
    after(() => suite?.[Symbol.asyncDispose]())

    /** An operation that is ready to be called, by a key of its own. */
    async function ready(operation: ApiOperation) {
      const client: TestClient = await suite.client()
      const call: ApiCall = (await apiCalls[operation.id]?.(client)) ?? assert.fail(operation.id)
      const send = async (change: ApiCall): Promise<TestAnswer<Body>> => {
        const { body, headers = {}, ...address } = { ...call, ...change }
        const request = { headers, ...(body && { body }) }
        const answer = await client.send<Body>(operation.method, addressOf(operation, { ...call, ...address }), request)
        assertDocumented(operation, answer)
        return answer
      }
      const outcome = async (change: ApiCall) => {
        const { status, body } = await send(change)
        return status < 400 ? [status] : [status, body.code]
      }
      /** The version of what it is about, as it is read. */
      const seen = async () => {
        const { headers } = await client.send('GET', addressOf(operation, call))
        return headers.get('etag') ?? assert.fail(operation.id)
      }
      return { call, send, outcome, seen }
    }

    type Check = (operation: ApiOperation) => Promise<void>
    function each(rule: string, has: string, check: Check, required?: boolean): void {
      test(rule, async (t) => {
        const chosen = operations.filter(({ parameters }) =>
          parameters.some((one) => one.name === has && (required ?? one.required) === one.required),
        )
        assert.ok(chosen.length > 1, `${chosen.length} operations`)
        for (const operation of chosen) await t.test(operation.id, () => check(operation))
      })
    }

    const needed: Check = async (operation) => {
      const { call, outcome } = await ready(operation)
      assert.deepEqual(await outcome({ headers: {} }), [428, 'precondition_required'])
      const matching = engine === FORM_ON ? STALE : STALE.slice(0, 1)
      for (const stale of matching) {
        assert.deepEqual(await outcome({ headers: { 'if-match': stale } }), [412, 'precondition_failed'], stale)
      }
      for (const broken of BROKEN) {
        assert.deepEqual(await outcome({ headers: { 'if-match': broken } }), [400, 'invalid_request'], broken)
      }
      assert.deepEqual(await outcome(call), [200])
      assert.deepEqual(await outcome(call), [412, 'precondition_failed'])
      assert.deepEqual(await outcome({ headers: { 'if-match': '"1", "2"' } }), [200])
      assert.deepEqual(await outcome({ headers: { 'if-match': '*' } }), [200])
    }
    each('a change says which version it means: 428 without, 412 when it is another', 'If-Match', needed, true)

    const possible: Check = async (operation) => {
      const { call, outcome, seen } = await ready(operation)
      const meaning = (versions: string) => outcome({ headers: { ...call.headers, 'if-match': versions } })
      for (const stale of engine === FORM_ON ? ['"99"', '"0"', 'W/"1"', '"98", "99"'] : ['"99"']) {
        assert.deepEqual(await meaning(stale), [412, 'precondition_failed'], stale)
      }
      for (const broken of BROKEN) assert.deepEqual(await meaning(broken), [400, 'invalid_request'], broken)
      // Refused is not done: what was refused with a stale version can be done still.
      // Versions of SCIM are no count.
      const [status] = await meaning(operation.dialect === null ? '"1", "2", "3"' : await seen())
      assert.ok((status as number) < 300, `${status}`)
    }
    each('an action means any version, unless it says which: 412 when it is another', 'If-Match', possible, false)

    each('who has the present version is told so, and nothing else', 'If-None-Match', async (operation) => {
      const { call, send } = await ready(operation)
      const { status, headers, body } = await send(call)
      const tag = headers.get('etag') ?? ''
      assert.equal(status, 200)
      assert.match(tag, /^"[0-9a-f]+"$/)
      for (const condition of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
        const again = await send({ headers: { 'if-none-match': condition } })
        assert.deepEqual([again.status, again.body, again.headers.get('etag')], [304, null, tag], condition)
      }
      for (const condition of ['"x"', 'nonsense', `${tag}x`]) {
        const other = await send({ headers: { 'if-none-match': condition } })
        assert.deepEqual([other.status, other.body], [200, body], condition)
      }
    })

    each(
      'a request is carried out once under its key, however often it is sent',
      'Idempotency-Key',
      async (operation) => {
        const { call, send } = await ready(operation)
        const headers = { ...call.headers, 'idempotency-key': `once ${operation.id}`.replace(' ', '-') }
        const together = await Promise.all(Array.from({ length: 5 }, () => send({ headers })))
        const carriedOut = together.filter(({ status, headers: h }) => status < 300 && !h.has('idempotent-replayed'))
        assert.equal(carriedOut.length, 1, JSON.stringify(together.map(({ status, body }) => [status, body])))
        for (const { status, body, headers: h } of together) {
          if (status < 300) continue
          assert.deepEqual([status, body.code], [409, 'idempotency_in_progress'])
          assert.match(h.get('retry-after') ?? '', /^[1-9]\d*$/)
        }
        const later = await send({ headers })
        assert.equal(later.headers.get('idempotent-replayed'), 'true')
        assert.deepEqual([later.status, later.body], [carriedOut[0]?.status, carriedOut[0]?.body])
      },
    )

    each(
      'a key that was used for another request is refused, and so is one that is none',
      'Idempotency-Key',
      async (operation) => {
        const { call, outcome } = await ready(operation)
        const keyed = (key: string) => ({ headers: { ...call.headers, 'idempotency-key': key } })
        const other = operation.body ? { body: otherThan(call.body ?? {}) } : { query: { other: '1' } }
        assert.ok(((await outcome(keyed('used')))[0] as number) < 300)
        assert.deepEqual(await outcome({ ...keyed('used'), ...other }), [422, 'idempotency_key_reused'])
        for (const key of engine === FORM_ON ? ['', 'two words', 'x'.repeat(256), 'ümlaut', '\t'] : []) {
          assert.deepEqual(await outcome(keyed(key)), [400, 'invalid_request'], key)
        }
        // A key is a key, whatever it looks like.
        const isConditional = operation.parameters.some(({ name, required }) => name === 'If-Match' && required)
        assert.equal((await outcome(keyed("';drop-table-links;--")))[0] === 412, isConditional)
      },
    )

    /** An operation that is ready, and a cursor that it gave out. */
    async function listing(operation: ApiOperation) {
      const { call, send, outcome } = await ready(operation)
      const follow = (cursor: string) => outcome({ query: { ...call.query, limit: '1', cursor } })
      const { nextCursor } = (await send({ query: { ...call.query, limit: '1' } })).body
      assert.ok(nextCursor)
      return { operation, follow, cursor: nextCursor }
    }
    const refused = [400, 'invalid_cursor']

    each('a cursor goes on where it was given out', 'cursor', async (operation) => {
      const { follow, cursor } = await listing(operation)
      assert.deepEqual(await follow(cursor), [200])
      if (engine !== FORM_ON) return
      const [payload = '', tag = ''] = cursor.split('.')
      const values = JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown[]
      const forged = Buffer.from(JSON.stringify([...values.slice(0, -1), "' or 1=1 --"])).toString('base64url')
      const mirrored = `${cursor[0] === 'A' ? 'B' : 'A'}${cursor.slice(1)}`
      const tampered = [payload, `${payload}.`, `.${tag}`, `${forged}.${tag}`, mirrored, `${cursor}x`, 'x', '..']
      for (const bad of tampered) assert.deepEqual(await follow(bad), refused, bad)
    })

    if (engine === FORM_ON) {
      test('a cursor goes on nowhere else', async (t) => {
        const lists = operations.filter(({ parameters }) => parameters.some(({ name }) => name === 'cursor'))
        const listings = await Promise.all(lists.map(listing))
        for (const { operation, follow } of listings) {
          await t.test(operation.id, async () => {
            for (const other of listings) {
              if (other.operation !== operation)
                assert.deepEqual(await follow(other.cursor), refused, other.operation.id)
            }
          })
        }
      })
    }
  })
}
