/*
 * Who may call what, tried on every operation of the document and on everything else that is answered. An operation
 * that is added is tried here by itself: it needs a call that succeeds in api-calls.ts, and, when it asks for no
 * permission, a line with the reason in public-operations.txt.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import {
  type ApiCall,
  type ApiOperation,
  addressOf,
  apiOperations,
  callOperation,
  engines,
  rowDifferences,
  type Suite,
  type TestAnswer,
  TestClient,
  tenantRows,
  testCtx,
} from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { events, permissions } from '../src/manifest.ts'
import { apiCalls, PEOPLE_ONLY } from './api-calls.ts'
import { assertDocumented } from './documented.ts'
import { documentOf, FORM_ON, newAddress, startProgram } from './suite.ts'

const PUBLIC = new URL('../public-operations.txt', import.meta.url)
const WITHOUT_PLACE = new URL('../events-without-place.txt', import.meta.url)
/** Written by itself some seconds after a key was used. */
const WRITTEN_LATE = ['stoa.api_keys.last_used_at']
const HOUR_MS = 3_600_000
/** Operations whose body names somebody of the tenant. */
const NAMES_SOMEBODY = ['createGrant']
/** Operations whose path names what there is in every tenant. */
const THE_SAME = ['getScimResourceType', 'getScimSchema']

/** Method and path → reason. */
async function publicOperations(): Promise<Map<string, string>> {
  const listed = new Map<string, string>()
  for (const line of (await readFile(PUBLIC, 'utf8')).split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, endpoint, reason] = /^([A-Z]+ \/\S*) — (\S.*)$/.exec(line) ?? []
    assert.ok(endpoint && reason, `'${line}' is not 'METHOD /path — reason'`)
    assert.ok(!listed.has(endpoint), `${endpoint} is listed twice`)
    listed.set(endpoint, reason)
  }
  return listed
}

/** Types of events, `word.*` for all that begin with the word. */
async function typesWithoutPlace(): Promise<string[]> {
  const lines = (await readFile(WITHOUT_PLACE, 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const [, type] = /^([a-z_.]+(?:\.\*)?) — \S/.exec(line) ?? []
    return type ?? assert.fail(`'${line}' is not 'type — reason'`)
  })
}

/** What happened in a request whose id is one of these, as the audit trail tells it. */
async function trailOf(client: TestClient, requestIds: ReadonlySet<string>): Promise<Told[]> {
  const told: Told[] = []
  for (let cursor = ''; ; ) {
    const { body } = await client.got<{ data: Told[]; nextCursor: string | null }>(`/api/v1/audit?limit=100${cursor}`)
    told.push(...body.data.filter(({ requestId }) => requestIds.has(requestId)))
    if (body.nextCursor === null) return told
    cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`
  }
}

interface Told {
  readonly type: string
  readonly requestId: string
  readonly place: { readonly addressPrefix: string; readonly device: string } | null
}

test('every event keeps the place of its request, but for those on the list, and the list names nothing else', async () => {
  const listed = await typesWithoutPlace()
  const fits = (type: string, line: string) =>
    line.endsWith('.*') ? type.startsWith(line.slice(0, -1)) : type === line
  for (const { keepsPlace = false, type } of events) {
    assert.equal(listed.filter((line) => fits(type, line)).length, keepsPlace ? 0 : 1, type)
  }
  assert.deepEqual(
    listed.filter((line) => !events.some(({ type }) => fits(type, line))),
    [],
  )
  // Of these there is nothing to decide.
  for (const { keepsPlace, type } of events) {
    if (/^(identity|api_key)\./.test(type)) assert.equal(keepsPlace, true, type)
  }
})

/** Somebody who has no business there, and what they are told. */
interface Stranger {
  readonly who: string
  /** Which operations are tried. Default: all. */
  asks?(operation: ApiOperation): boolean
  client(operation: ApiOperation): TestClient
  /** By operation that needs a permission. */
  status(operation: ApiOperation): number
}

function assertRefused(operation: ApiOperation, answer: TestAnswer, status: number): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  const { code } = answer.body as { readonly code: string }
  assertDocumented(operation, answer)
  if (status === 401) assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer /)
  if (status === 401) assert.equal(code, 'unauthenticated')
  if (status === 403) assert.equal(code, 'forbidden')
}

/** From an address of its own, so that nobody is refused for what others did. */
const from = (call: ApiCall): ApiCall => ({ ...call, headers: { ...newAddress(), ...call.headers } })

for (const engine of engines) {
  describe(`every operation, on ${engine}`, () => {
    let suite: Suite<Stoa>
    let all: readonly ApiOperation[]
    let operations: readonly ApiOperation[]
    let guarded: readonly ApiOperation[]
    const calls = new Map<string, ApiCall>()
    const callOf = ({ id }: ApiOperation) => calls.get(id) ?? assert.fail(`${id} has no call`)

    before(async () => {
      suite = await startProgram(engine)
      all = apiOperations(await documentOf(suite))
      operations = all.filter(({ id }) => !PEOPLE_ONLY.has(id))
      guarded = operations.filter((operation) => operation.permission !== null)
      for (const { id } of operations) {
        const call = await apiCalls[id]?.(await suite.client())
        if (call) calls.set(id, call)
      }
    })
    after(() => suite?.[Symbol.asyncDispose]())

    async function key(scopes: readonly string[], expiresAt: Date | null, nowMs: number) {
      const clock = { now: () => nowMs, sleep: () => Promise.resolve() }
      const ctx = testCtx({ tenant: suite.tenants.pooled, clock })
      return await suite.program.apiKeys.create(ctx, { name: 'stranger', scopes, expiresAt })
    }

    /** A key of a member that may do this. */
    async function somebodyWith(scopes: readonly string[]) {
      const body = { email: 'owner-of-things@example.org', name: 'Ann', roles: ['admin'] }
      const { body: member } = await (await suite.client()).created<{ id: string }>('/api/v1/members', body)
      const ctx = testCtx({ tenant: suite.tenants.pooled, actor: { type: 'person', id: member.id } })
      const { token } = await suite.program.apiKeys.create(ctx, { name: 'own', scopes, expiresAt: null })
      return new TestClient(suite.program.url, token)
    }

    let known: Promise<Stranger[]> | undefined
    const strangers = () => {
      known ??= meetStrangers()
      return known
    }

    async function meetStrangers(): Promise<Stranger[]> {
      const { url } = suite.program
      const now = Date.now()
      const expired = await key(['*'], new Date(now - HOUR_MS), now - 2 * HOUR_MS)
      const revoked = await key(['*'], null, now)
      const revokedClient = new TestClient(url, revoked.token)
      await revokedClient.got('/api/v1/links')
      await suite.program.apiKeys.revoke(testCtx({ tenant: suite.tenants.pooled }), revoked.apiKey.id)
      const without = new Map<string, TestClient>()
      for (const permission of Object.keys(permissions)) {
        const others = Object.keys(permissions).filter((other) => other !== permission)
        without.set(permission, new TestClient(url, (await key(others, null, now)).token))
      }
      const notTheirs = await somebodyWith(['apiKeys:own'])
      const neighbour = await suite.client('neighbour')
      const placed = await suite.client('placed')
      const elsewhere = ({ id, parameters, path, responses }: ApiOperation) => {
        if ((path.includes('{') && !THE_SAME.includes(id)) || NAMES_SOMEBODY.includes(id)) return 404
        // There is one of it in each tenant, and the version is the other one's.
        if (parameters.some(({ name, required }) => name === 'If-Match' && required)) return 412
        const good = Object.keys(responses)
          .map(Number)
          .filter((status) => status < 400)
        // What may be there already is not there yet.
        return good.includes(201) ? 201 : Number(good[0])
      }
      return [
        { who: 'anonymous', client: () => suite.anonymous(), status: () => 401 },
        {
          who: 'a key with every permission but this',
          client: ({ permission }) => without.get(permission ?? 'audit:read') ?? assert.fail(`${permission}?`),
          status: () => 403,
        },
        {
          who: 'somebody who has it for what is their own',
          asks: ({ own, path }) => own !== null && path.includes('{'),
          client: () => notTheirs,
          status: () => 404,
        },
        { who: 'an expired key', client: () => new TestClient(url, expired.token), status: () => 401 },
        { who: 'a revoked key', client: () => revokedClient, status: () => 401 },
        { who: 'a key of another tenant', client: () => neighbour, status: elsewhere },
        { who: 'a key of a tenant in a schema of its own', client: () => placed, status: elsewhere },
      ]
    }

    test('that asks for no permission stands on the list, with its reason, and the list names nothing else', async () => {
      const open = suite.program.endpoints.filter(({ permission }) => permission === null)
      const names = open.map(({ method, path }) => `${method} ${path}`)
      assert.deepEqual(names.sort(), [...(await publicOperations()).keys()].sort())
    })

    test('is in the document, unless it is open to all and no part of the API', () => {
      const documented = all.map(({ method, path, permission }) => `${method} ${path} ${permission}`)
      const served = suite.program.endpoints
        .filter(({ path, permission }) => permission !== null || path.startsWith('/api/'))
        .map(({ method, path, permission }) => `${method} ${path} ${permission}`)
      assert.deepEqual(
        served.filter((endpoint) => !documented.includes(endpoint)),
        [],
      )
      assert.ok(guarded.length >= 13, `${guarded.length} operations`)
    })

    test('has a call that succeeds, and no call is of an operation that does not exist', () => {
      assert.deepEqual([...Object.keys(apiCalls), ...PEOPLE_ONLY].sort(), all.map(({ id }) => id).sort())
    })

    test('needs a permission that exists', () => {
      for (const { id, own, permission } of guarded) {
        assert.ok(permission && permission in permissions, `${id}: ${permission}`)
        assert.ok(own === null || own in permissions, `${id}: ${own}`)
      }
    })

    test('refuses whoever has no business there, and nothing is written', async (t) => {
      const callers = await strangers()
      const content = () => tenantRows(suite.program.db, suite.tenants.pooled, { without: WRITTEN_LATE })
      const before = await content()
      for (const { who, asks = () => true, client, status } of callers) {
        for (const operation of guarded.filter(asks)) {
          await t.test(`${operation.id}: ${who}`, async () => {
            const expected = status(operation)
            const answer = await callOperation(client(operation), operation, from(callOf(operation)))
            if (expected < 400) assert.equal(answer.status, expected, JSON.stringify(answer.body))
            else assertRefused(operation, answer, expected)
          })
        }
      }
      assert.deepEqual(rowDifferences(before, await content()), [])
    })

    const testOnce = engine === FORM_ON ? test : () => undefined

    testOnce('says 401 and 403 before it looks at anything else of the request', async (t) => {
      for (const { who, asks = () => true, client, status } of await strangers()) {
        for (const operation of guarded.filter((one) => asks(one) && [401, 403].includes(status(one)))) {
          await t.test(`${operation.id}: ${who}`, async () => {
            const address = operation.path.replace(/\{\w+\}/g, 'nonsense')
            const request = {
              headers: { ...newAddress(), 'content-type': 'application/json' },
              ...(operation.method !== 'GET' && { body: '{"not": json' }),
            }
            const answer = await client(operation).send(operation.method, `${address}?nonsense=1`, request)
            assertRefused(operation, answer, status(operation))
          })
        }
      }
    })

    testOnce('that reads answers HEAD as GET, to the same callers', async (t) => {
      const callers = await strangers()
      const owner = await suite.client()
      for (const operation of guarded.filter(({ method }) => method === 'GET')) {
        await t.test(operation.id, async () => {
          const address = addressOf(operation, callOf(operation))
          assert.equal((await owner.send('HEAD', address, { headers: newAddress() })).status, 200)
          for (const { who, asks = () => true, client, status } of callers) {
            if (!asks(operation)) continue
            const answer = await client(operation).send('HEAD', address, { headers: newAddress() })
            assert.deepEqual([who, answer.status, answer.body], [who, status(operation), null])
          }
        })
      }
    })

    test('succeeds for its own tenant, as documented, and the audit trail says where what gives or takes access was asked for', async (t) => {
      const requestIds = new Set<string>()
      for (const operation of operations) {
        await t.test(operation.id, async () => {
          const owner = operation.permission === null ? suite.anonymous() : await suite.client()
          const answer = await callOperation(owner, operation, from(callOf(operation)))
          assert.ok(answer.status < 400, `${answer.status} ${JSON.stringify(answer.body)}`)
          assertDocumented(operation, answer)
          requestIds.add(answer.headers.get('x-request-id') ?? '')
        })
      }
      const keeping = new Set(events.flatMap(({ keepsPlace, type }) => (keepsPlace ? [type] : [])))
      const seen = new Set<string>()
      for (const { place, type } of await trailOf(await suite.client(), requestIds)) {
        if (keeping.has(type)) seen.add(type)
        // Each came from an address of its own.
        if (keeping.has(type)) assert.match(place?.addressPrefix ?? '', /^10\.\d+\.\d+\.0\/24$/, type)
        else assert.equal(place, null, type)
      }
      assert.ok(seen.size > 30, `only ${[...seen].sort()}`)
    })

    test('that is open to all answers everybody alike, whatever key they show', async (t) => {
      const callers = await strangers()
      for (const operation of operations.filter(({ permission }) => permission === null)) {
        await t.test(operation.id, async () => {
          for (const { who, client } of callers) {
            const answer = await callOperation(client(operation), operation, from(callOf(operation)))
            assert.ok(answer.status < 400, `${who}: ${answer.status} ${JSON.stringify(answer.body)}`)
          }
        })
      }
      for (const endpoint of (await publicOperations()).keys()) {
        const isOperation = operations.some(({ method, path }) => endpoint === `${method} ${path}`)
        if (isOperation || /[{*]/.test(endpoint)) continue
        await t.test(endpoint, async () => {
          const [method = '', path = ''] = endpoint.split(' ')
          const { status } = await suite.anonymous().send(method, path, { headers: newAddress() })
          assert.ok(status < 400, String(status))
        })
      }
    })
  })
}
