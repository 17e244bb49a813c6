/*
 * A room and the program around it. The program knows the manifest alone: adding the room was one line in its list.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createCache, dropFromJournal } from '@stoa/cache'
import { createTenant, migrate, openPglite, statement, tenantTable } from '@stoa/db'
import { type AuthScheme, createApiKeys, createHttp, defineRoute, httpMigrations, TenantHosts } from '@stoa/http'
import { createJournal, defineEvent, journalMigrations, processHints } from '@stoa/journal'
import { defineErrors, newId, Resources, StoaError, silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import { type Columns, defineModule, type Module } from '@stoa/module'
import { createQueue, queueMigrations } from '@stoa/queue'
import { createRealtime } from '@stoa/realtime'
import { createHealth, createMetrics } from '@stoa/telemetry'
import { Type } from 'typebox'

// ——— the room: modules/greetings/src/module.ts ———

const greetingErrors = defineErrors({
  greeting_too_loud: { kind: 'invalid', message: 'Greetings are not shouted.' },
})
const greetingSent = defineEvent({
  type: 'greeting.sent',
  version: 1,
  description: 'Somebody was greeted.',
  data: Type.Object({ to: Type.String() }),
})
const added = statement<[tenantId: string, id: string, to: string], never>(
  'insert into greetings (tenant_id, id, addressee) values ($1, $2, $3)',
)

function sendGreeting({ db, journal }: Columns) {
  return defineRoute({
    method: 'POST',
    url: '/api/v1/greetings',
    operationId: 'sendGreeting',
    tags: ['Greetings'],
    summary: 'Greet somebody',
    permission: 'greetings:write',
    errors: ['greeting_too_loud'],
    schema: {
      body: Type.Object({ to: Type.String({ minLength: 1, maxLength: 100 }) }),
      response: { 201: Type.Object({ text: Type.String() }) },
    },
    async handler(ctx, { body }) {
      if (body.to.endsWith('!')) throw new StoaError(greetingErrors.greeting_too_loud)
      const id = newId()
      await db.transaction(ctx, async (tx) => {
        tx.later(added(ctx.tenant.id, id, body.to))
        journal.append(ctx, tx, greetingSent.of({ to: body.to }, [`greeting:${id}`]))
      })
      return { text: `Hello ${body.to}` }
    },
  })
}

const greetings = defineModule({
  name: 'greetings',
  description: 'Greets whoever is named.',
  migrations: {
    owner: 'greetings',
    migrations: [
      {
        name: '0001_greetings',
        scope: 'tenant',
        breaking: false,
        up: `create table greetings (tenant_id uuid not null, id uuid not null, addressee text not null, primary key (tenant_id, id));
          ${tenantTable('greetings')}`,
      },
    ],
  },
  permissions: { 'greetings:write': 'Greet people.' },
  events: [greetingSent],
  errors: greetingErrors,
  tables: { greetings: 'One greeting.' },
  create: (columns) => ({
    routes: [sendGreeting(columns)],
    async [Symbol.asyncDispose]() {},
  }),
})

// ——— the program: apps/stoa/src/manifest.ts and compose.ts ———

const modules: readonly Module[] = [greetings]

const deps = { log: silentLogger, clock: systemClock }
const sets = [journalMigrations, httpMigrations, queueMigrations, ...modules.map((module) => module.migrations)]
await using resources = new Resources()
const db = resources.use(await openPglite({ dataDir: null }, deps), 'database')
await migrate(db, sets, deps)
const hints = resources.use(processHints(), 'hints')
const journal = createJournal({ events: modules.flatMap((module) => module.events) }, { ...deps, db, hints })
const metrics = resources.use(createMetrics(), 'metrics')
const cache = resources.use(createCache({}, { bypass: () => db.inTransaction() }), 'cache')
const drops = dropFromJournal(cache, journal)
await resources.use(drops, 'drops of the cache').ready
const queue = resources.use(createQueue({}, { ...deps, db, hints }), 'queue')
const channels = modules.flatMap((module) => module.channels ?? [])
const realtime = resources.use(createRealtime({}, { ...deps, journal, channels, authenticate: () => null }), 'realtime')
const health = createHealth()
const secret = (purpose: string, bytes = 32) => createHash('sha512').update(purpose).digest().subarray(0, bytes)

const permissions = modules.flatMap((module) => Object.keys(module.permissions))
const apiKeys = resources.use(createApiKeys({ ...deps, db, journal, secret, permissions }), 'API keys')

const publicUrl = () => 'http://127.0.0.1'
const hosts = new TenantHosts({ db, ctx: systemCtx(deps, 'hosts'), publicUrl })

const routes = []
for (const module of modules) {
  const columns = {
    ...deps,
    db,
    journal,
    cache,
    queue,
    realtime,
    metrics,
    health,
    secret,
    apiKeys,
    hosts,
    permissions: {},
    leastRoles: {},
    publicUrl,
    config: {},
  }
  const room = resources.use(await module.create(columns), module.name)
  routes.push(...room.routes)
  queue.define(...(room.jobs ?? []))
}
const tenant = await createTenant(db, systemCtx(deps, 'example'), sets, {
  slug: 'acme',
  name: 'Acme',
  placement: 'pool',
})
const ada: AuthScheme = {
  name: 'ada',
  openapi: { type: 'http', scheme: 'bearer' },
  challenge: 'Bearer',
  authenticate: ({ headers }) =>
    headers.authorization === 'Bearer ada'
      ? { actor: { type: 'person', id: 'ada' }, tenant, permissions: new Set(['greetings:*']), limitKey: 'ada' }
      : null,
}
const errors = modules.map((module) => module.errors)
const http = resources.use(
  await createHttp({ port: 0 }, { ...deps, db, secret, routes, schemes: [ada], errors }),
  'http',
)
const url = await http.listen()

const greet = (to: string, headers: Record<string, string> = { authorization: 'Bearer ada' }) =>
  fetch(`${url}/api/v1/greetings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ to }),
  })
assert.deepEqual(await (await greet('World')).json(), { text: 'Hello World' })
assert.equal(((await (await greet('World!')).json()) as { code: string }).code, 'greeting_too_loud')
assert.equal((await greet('World', {})).status, 401)

// A manifest that contradicts itself does not get as far as a request.
assert.throws(
  () => defineModule({ ...greetings, permissions: { 'greeting:write': 'Greet people.' } }),
  /module 'greetings': the permission 'greeting:write' does not begin with 'greetings:'/,
)
console.log('ok')
