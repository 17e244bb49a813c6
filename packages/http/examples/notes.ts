/*
 * A small API from nothing: two routes over a table, API keys, and what every route has for nothing (a transaction,
 * idempotency, ETags, pages, problems, the document). It runs on PGlite in memory and asks itself.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createTenant, type Database, type MigrationSet, migrate, openPglite, statement, tenantTable } from '@stoa/db'
import {
  createApiKeys,
  createHttp,
  defineRoute,
  etag,
  httpEvents,
  httpMigrations,
  httpPermissions,
  Id,
  PageOf,
} from '@stoa/http'
import { createJournal, journalMigrations, processHints } from '@stoa/journal'
import { newId, Resources, silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { Type } from 'typebox'

const notes: MigrationSet = {
  owner: 'notes',
  migrations: [
    {
      name: '0001_notes',
      scope: 'tenant',
      breaking: false,
      up: `create table notes (tenant_id uuid not null, id uuid not null, text text not null, version int not null, primary key (tenant_id, id));
        ${tenantTable('notes')}`,
    },
  ],
}

interface NoteRow {
  readonly id: string
  readonly text: string
  readonly version: number
}
const noteAdded = statement<[tenantId: string, id: string, text: string], NoteRow>(
  'insert into notes (tenant_id, id, text, version) values ($1, $2, $3, 1) returning id, text, version',
)
const noteList = statement<[after: string | null, limit: number], NoteRow>(
  'select id, text, version from notes where $1::uuid is null or id > $1 order by id limit $2',
)

const Note = Type.Object({ id: Id, text: Type.String(), version: Type.Integer() }, { title: 'Note' })

const createNote = (db: Database) =>
  defineRoute({
    method: 'POST',
    url: '/api/v1/notes',
    operationId: 'createNote',
    tags: ['Notes'],
    summary: 'Write a note',
    permission: 'notes:write',
    schema: { body: Type.Object({ text: Type.String({ minLength: 1, maxLength: 500 }) }), response: { 201: Note } },
    async handler(ctx, { body }, reply) {
      const note = await db.transaction(ctx, (tx) => tx.one(noteAdded(ctx.tenant.id, newId(), body.text)))
      reply.header('location', `/api/v1/notes/${note.id}`)
      reply.header('etag', etag(note.version))
      return note
    },
  })

const listNotes = (db: Database) =>
  defineRoute({
    method: 'GET',
    url: '/api/v1/notes',
    operationId: 'listNotes',
    tags: ['Notes'],
    summary: 'List notes',
    permission: 'notes:read',
    list: { sorts: ['createdAt'] },
    schema: { response: { 200: PageOf(Note) } },
    async handler(ctx, { page }) {
      const after = (page.after?.[0] ?? null) as string | null
      const rows = await db.read(ctx, (tx) => tx.many(noteList(after, page.limit + 1)))
      return page.of(rows, (note) => [note.id])
    },
  })

const deps = { log: silentLogger, clock: systemClock }
const sets = [journalMigrations, httpMigrations, notes]
await using resources = new Resources()
const db = resources.use(await openPglite({ dataDir: null }, deps), 'database')
await migrate(db, sets, deps)
const journal = createJournal({ events: httpEvents }, { ...deps, db, hints: resources.use(processHints(), 'hints') })

// A program derives these from one secret that it keeps: see apps/stoa.
const secrets = new Map<string, Buffer>()
const secret = (purpose: string, bytes = 32) =>
  secrets.get(purpose) ?? (secrets.set(purpose, randomBytes(bytes)).get(purpose) as Buffer)

const permissions = [...Object.keys(httpPermissions), 'notes:read', 'notes:write']
const apiKeys = resources.use(createApiKeys({ ...deps, db, journal, secret, permissions }), 'API keys')
const http = await createHttp(
  { port: 0, title: 'Notes' },
  {
    ...{ ...deps, db, secret },
    routes: [createNote(db), listNotes(db), ...apiKeys.routes],
    schemes: [apiKeys.scheme],
  },
)
resources.use(http, 'http')
const url = await http.listen()

const system = systemCtx(deps, 'example')
const tenant = await createTenant(db, system, sets, { slug: 'acme', name: 'Acme', placement: 'pool' })
const owner = tenantCtx(system, tenant, { permissions: new Set(['*']) })
const { token } = await apiKeys.create(owner, { name: 'example', scopes: ['notes:*'], expiresAt: null })

const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
const post = (text: string, more: Record<string, string> = {}) =>
  fetch(`${url}/api/v1/notes`, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify({ text }) })

// The same intention sent twice is carried out once.
const once = { 'idempotency-key': 'a-note-of-mine' }
const first = await post('Buy bread', once)
const again = await post('Buy bread', once)
assert.deepEqual([first.status, again.status, again.headers.get('idempotent-replayed')], [201, 201, 'true'])
assert.deepEqual(await again.json(), await first.json())
await post('Water the plants')

// Pages by cursor.
interface Page {
  readonly data: readonly NoteRow[]
  readonly nextCursor: string | null
}
const page = async (query: string) => (await (await fetch(`${url}/api/v1/notes?${query}`, { headers })).json()) as Page
const { data, nextCursor } = await page('limit=1')
const next = await page(`limit=1&cursor=${nextCursor}`)
assert.deepEqual(
  [...data, ...next.data].map(({ text }) => text),
  ['Buy bread', 'Water the plants'],
)
assert.equal(next.nextCursor, null)

// A refusal says what is wrong, where, and under which id to ask for help.
const refused = await post('')
const problem = (await refused.json()) as { code: string; requestId: string; errors: readonly object[] }
assert.deepEqual([refused.status, problem.code], [422, 'validation_failed'])
assert.deepEqual(problem.errors, [
  { pointer: '/body/text', code: 'too_short', message: 'must NOT have fewer than 1 characters' },
])
assert.equal((await fetch(`${url}/api/v1/notes`)).status, 401)

console.log('ok')
