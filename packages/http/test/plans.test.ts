import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { TenantRecord } from '@stoa/db'
import { createJournal, type Hints, processHints } from '@stoa/journal'
import { type Logger, silentLogger, systemClock } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { Type } from 'typebox'
import { type AuthScheme, defineRoute, httpEvents, LivePlans, Plans } from '../src/index.ts'
import { type HttpDatabase, openApp, openDatabase, ownerCtx } from './setup.ts'

const schema = { response: { 200: Type.Object({ ok: Type.Boolean() }) } }
const spec = { method: 'GET', tags: ['test'], summary: 'Says ok.', schema, handler: () => ({ ok: true }) } as const
const routes = [
  defineRoute({ ...spec, url: '/usual', operationId: 'getUsual', permission: 'test:read' }),
  defineRoute({
    ...spec,
    ...{ url: '/costly', operationId: 'getCostly', permission: 'test:read' },
    rateLimit: { capacity: 7, refillPerSecond: 1 },
  }),
]
const limits = {
  rateLimit: { capacity: 4, refillPerSecond: 1 },
  tenantRateLimit: { capacity: 20, refillPerSecond: 1 },
}
const limit = (capacity: number, refillPerSecond = 1) => ({ capacity, refillPerSecond })
const pro = { name: 'pro', rateLimit: limit(40, 10), tenantRateLimit: limit(200, 20) }

for (const engine of engines) {
  describe(`plans on ${engine}`, () => {
    let database: HttpDatabase
    before(async () => {
      database = await openDatabase(engine)
    })
    after(() => database?.[Symbol.asyncDispose]())

    /** A process: by itself, so that no hint of another one reaches it, unless it is given that one's hints. */
    function open(hints: Hints = processHints()) {
      const { db } = database
      const deps = { db, hints, log: silentLogger, clock: systemClock }
      return { ...deps, journal: createJournal({ events: [...httpEvents] }, deps) }
    }

    async function setup({ hints, pollMs }: { hints?: Hints; pollMs: number }) {
      const deps = open(hints)
      const stack = new AsyncDisposableStack()
      const live = stack.use(new LivePlans({ ...deps, pollMs }))
      await live.ready
      let tenants: readonly TenantRecord[] = []
      /** `Bearer <slug> <key>`; a key that begins with `own` has a limit of its own. */
      const scheme: AuthScheme = {
        name: 'test',
        openapi: { type: 'http', scheme: 'bearer' },
        challenge: 'Bearer',
        authenticate({ headers }) {
          const [, slug, key = ''] = headers.authorization?.split(' ') ?? []
          const tenant = tenants.find((one) => one.slug === slug)
          if (tenant === undefined) return null
          const own = key.startsWith('own') && { rateLimit: limit(2) }
          const permissions = new Set(['test:read'])
          return { actor: { type: 'apiKey', id: key }, tenant, permissions, limitKey: `key:${key}`, ...own }
        },
      }
      const http = stack.use(await openApp(routes, limits, { schemes: [scheme], plans: live }))
      return {
        plans: new Plans(deps),
        async limitsOf(tenant: TenantRecord, key = 'one', url = '/usual') {
          tenants = [tenant]
          const answer = await http.app.inject({ url, headers: { authorization: `Bearer ${tenant.slug} ${key}` } })
          return answer.headers['ratelimit-policy']
        },
        [Symbol.asyncDispose]: () => stack.disposeAsync(),
      }
    }
    const USUAL = '"default";q=4;w=4, "tenant";q=20;w=20'
    const PRO = '"default";q=40;w=4, "tenant";q=200;w=10'

    it('are the limits of the tenants that have them, and of no others; what is declared elsewhere stays', async () => {
      await using one = await setup({ pollMs: 60_000 })
      const { neighbour: globex, pooled: acme } = database
      const ctx = ownerCtx(acme)
      await one.plans.set(ctx, pro)
      assert.equal(await one.limitsOf(acme), USUAL)
      assert.equal(await one.plans.assign(ctx, 'pro'), true)
      await eventually(async () => (await one.limitsOf(acme)) === PRO)
      assert.equal(await one.limitsOf(globex), USUAL)
      assert.equal(await one.limitsOf(acme, 'own'), '"default";q=2;w=2, "tenant";q=200;w=10')
      assert.equal(await one.limitsOf(acme, 'one', '/costly'), '"getCostly";q=7;w=7, "tenant";q=200;w=10')
      assert.equal(await one.plans.of(ctx), 'pro')
      assert.equal(await one.plans.assign(ctx, null), true)
      await eventually(async () => (await one.limitsOf(acme)) === USUAL)
    })

    it('change in every process, also in one that no hint reaches, and hold after a start', async () => {
      const hints = processHints()
      await using one = await setup({ hints, pollMs: 60_000 })
      await using hinted = await setup({ hints, pollMs: 60_000 })
      await using deaf = await setup({ pollMs: 50 })
      const { pooled: acme } = database
      const ctx = ownerCtx(acme)
      const everywhere = async (policy: string) => {
        for (const { limitsOf } of [one, hinted, deaf]) await eventually(async () => (await limitsOf(acme)) === policy)
      }
      await one.plans.set(ctx, pro)
      await one.plans.assign(ctx, 'pro')
      await everywhere(PRO)
      await one.plans.set(ctx, { ...pro, rateLimit: limit(80, 10) })
      await everywhere('"default";q=80;w=8, "tenant";q=200;w=10')
      await using later = await setup({ pollMs: 60_000 })
      assert.equal(await later.limitsOf(acme), '"default";q=80;w=8, "tenant";q=200;w=10')
      await one.plans.assign(ctx, null)
      await everywhere(USUAL)
    })

    it('stay as they were while they cannot be read, which is told once, and are followed again afterwards', async () => {
      const ctx = ownerCtx(database.pooled)
      const warned: string[] = []
      const log: Logger = {
        ...silentLogger,
        warn: (...said: readonly unknown[]) => void warned.push(String(said.at(-1))),
        child: () => log,
      }
      const deps = { ...open(), log }
      const plans = new Plans(deps)
      await plans.set(ctx, pro)
      await using live = new LivePlans({ ...deps, pollMs: 10 })
      await live.ready
      let known: readonly string[] = []
      live.follow((all) => {
        known = [...all.keys()]
      })
      await database.db.admin((session) => session.exec('alter table stoa.plans rename to elsewhere'))
      await eventually(() => warned.length > 0)
      for (let turn = 0; turn < 50; turn++) await assert.rejects(plans.list(ctx))
      assert.ok(known.includes('pro'))
      await database.db.admin((session) => session.exec('alter table stoa.elsewhere rename to plans'))
      await plans.set(ctx, { ...pro, name: 'later' })
      await eventually(() => known.includes('later'))
      assert.deepEqual(warned, ['the plans could not be read: they stay as they were'])
    })

    it('are removed when nobody has them, and what is not there is given to nobody', async () => {
      await using one = await setup({ pollMs: 60_000 })
      const { placed: acme } = database
      const ctx = ownerCtx(acme)
      const basic = { name: 'basic', rateLimit: limit(1), tenantRateLimit: limit(2, 0.5) }
      await one.plans.set(ctx, basic)
      assert.equal(await one.plans.assign(ctx, 'gold'), false)
      await one.plans.assign(ctx, 'basic')
      const listed = (await one.plans.list(ctx)).find(({ name }) => name === 'basic')
      assert.deepEqual(listed, { ...basic, tenants: 1 })
      assert.equal(await one.plans.remove(ctx, 'basic'), 'in use')
      await one.plans.assign(ctx, null)
      assert.deepEqual(
        [await one.plans.remove(ctx, 'basic'), await one.plans.remove(ctx, 'basic')],
        ['removed', 'unknown'],
      )
    })

    it('are in the audit trail of their tenant, once for each change', async () => {
      await using one = await setup({ pollMs: 60_000 })
      // Which no other test gives a plan.
      const { neighbour: acme } = database
      const ctx = ownerCtx(acme)
      await one.plans.set(ctx, pro)
      for (const plan of ['pro', 'pro', null, null]) await one.plans.assign(ctx, plan)
      const { journal } = open()
      const told = async () => {
        const events = await journal.about(ctx, `tenant:${acme.id}`, { since: new Date(0) })
        return events.map(({ data }) => data)
      }
      await eventually(async () => (await told()).length === 2)
      assert.deepEqual(await told(), [
        { plan: 'pro', before: null },
        { plan: null, before: 'pro' },
      ])
    })
  })
}
