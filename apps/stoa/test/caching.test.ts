/*
 * What is read through the cache, by several programs on one PostgreSQL, with Redis between them and without.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTenant } from '@stoa/db'
import { newId, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { seedLink } from '@stoa/links/testing'
import { createLogger } from '@stoa/telemetry'
import { eventually, TestClient, testPlace } from '@stoa/testkit'
import { askRedis, startRedis } from '@stoa/testkit/servers'
import { startStoa } from '../src/compose.ts'
import { configOf } from '../src/config/config.ts'
import { readEnvironment } from '../src/config/env.ts'
import { migrationSets } from '../src/manifest.ts'

interface Shown {
  readonly title: string | null
}

const deps = { log: createLogger({ level: 'silent' }), clock: systemClock }

/** Two programs on one database, a tenant, and a link of it. */
async function setup(redisUrl: string | null) {
  await using opening = new AsyncDisposableStack()
  const place = opening.use(await testPlace({ engine: 'postgres', sets: migrationSets, name: 'caching' }))
  const start = async (stack: AsyncDisposableStack) => {
    const env = {
      ...{ STOA_DATA: place.dataDir, PORT: '0', STOA_LOG_LEVEL: 'silent', DATABASE_URL: place.databaseUrl ?? '' },
      ...(redisUrl !== null && { REDIS_URL: redisUrl }),
    }
    const config = configOf(readEnvironment(env), {}, false)
    return stack.use(await startStoa({ ...config, http: { ...config.http, ...PATIENT } }, deps))
  }
  const [one, other] = [await start(opening), await start(opening)]
  const { db } = one
  const ctx = systemCtx(deps, 'test')
  const tenant = await createTenant(one.db, ctx, migrationSets, { slug: 'acme', name: 'Acme', placement: 'pool' })
  const own = tenantCtx(ctx, tenant, { permissions: new Set(['*']) })
  const { token } = await one.apiKeys.create(own, { name: 'test', scopes: ['*'], expiresAt: null })
  const here = programOf(one.url, token)
  const link = await seedLink({ post: (path, body) => here.client.send('POST', path, { body }) })
  const path = `/api/v1/links/${link.id}`
  const stack = opening.move()
  return {
    ...{ db, link, path },
    programs: [here, programOf(other.url, token)] as const,
    /** Another one, on the same. */
    async start() {
      const third = await start(stack)
      return programOf(third.url, token)
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const BROWSER = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }

/** A machine that is busy with other tests is no reason to refuse a request. */
const PATIENT = {
  maxEventLoopDelayMs: 0,
  rateLimit: { capacity: 100_000, refillPerSecond: 100_000 },
}

function programOf(url: string, token: string) {
  const client = new TestClient(url, token)
  return {
    client,
    /** The titles that the link and the list show. */
    async titles(path: string, headers: Record<string, string> = {}) {
      const link = await client.send<Shown>('GET', path, { headers })
      const list = await client.send<{ data: Shown[] }>('GET', '/api/v1/links?limit=100', { headers })
      return [link.body.title, list.body.data[0]?.title]
    },
    rename: (path: string, title: string, headers: Record<string, string> = {}) =>
      client.send('PATCH', path, { body: { title }, headers: { 'if-match': '*', ...headers } }),
  }
}

type Program = ReturnType<typeof programOf>

/** Asks until the program shows the title. */
async function shown(program: Program, path: string, title: string): Promise<void> {
  await eventually(
    () => program.titles(path),
    (titles) => titles.every((one) => one === title),
  )
}

for (const shared of [true, false]) {
  describe(`two programs on one PostgreSQL, ${shared ? 'with' : 'without'} Redis`, () => {
    let installation: Awaited<ReturnType<typeof setup>>
    const stack = new AsyncDisposableStack()
    before(async () => {
      const redis = shared ? stack.use(await startRedis()) : null
      installation = stack.use(await setup(redis?.url ?? null))
    })
    after(() => stack.disposeAsync())

    it('what is written in one is read there at once, and in the other as soon as it hears of it', async () => {
      const { path, programs } = installation
      for (let turn = 0; turn < 20; turn++) {
        const [writer, reader] = turn % 2 === 0 ? programs : ([programs[1], programs[0]] as const)
        await reader.titles(path)
        const title = `turn ${turn}`
        assert.equal((await writer.rename(path, title)).status, 200)
        assert.deepEqual(await writer.titles(path), [title, title])
        await shown(reader, path, title)
        assert.deepEqual(await writer.titles(path), [title, title])
      }
    })

    it('whoever is told by one of what the other wrote reads it there at once: a replay, a lost update', async () => {
      const [one, other] = installation.programs
      const { path } = installation
      for (let turn = 0; turn < 10; turn++) {
        await other.titles(path)
        const [title, key] = [`replayed ${turn}`, newId()]
        await one.rename(path, title, { 'idempotency-key': key })
        const replayed = await other.rename(path, title, { 'idempotency-key': key })
        assert.equal(replayed.headers.get('idempotent-replayed'), 'true')
        assert.deepEqual(await other.titles(path), [title, title])

        const version = replayed.headers.get('etag') ?? ''
        await one.rename(path, `lost ${turn}`)
        assert.equal((await other.rename(path, 'never', { 'if-match': version })).status, 412)
        assert.deepEqual(await other.titles(path), [`lost ${turn}`, `lost ${turn}`])
      }
    })

    it('who asks for what is in the database gets it, whatever the program has heard of', async () => {
      const [one, other] = installation.programs
      const { path } = installation
      for (let turn = 0; turn < 10; turn++) {
        await other.titles(path)
        const title = `fresh ${turn}`
        await one.rename(path, title)
        assert.deepEqual(await other.titles(path, { 'cache-control': 'no-cache' }), [title, title])
      }
    })
  })
}

describe('the cache of a program', () => {
  it('shows in /metrics how often nothing had to be read', async () => {
    await using installation = await setup(null)
    const [{ client, titles }] = installation.programs
    for (let turn = 0; turn < 4; turn++) await titles(installation.path)
    await titles(installation.path, { 'cache-control': 'no-cache' })
    const { body } = await client.send<string>('GET', '/metrics')
    const text = String(body)
    assert.match(text, /^stoa_cache_answers_total\{outcome="hit"\} 6$/m)
    assert.match(text, /^stoa_cache_answers_total\{outcome="miss"\} 2$/m)
    assert.match(text, /^stoa_cache_answers_total\{outcome="bypass"\} 2$/m)
    assert.match(text, /^stoa_cache_hit_ratio 0\.75$/m)
    assert.match(text, /^stoa_cache_load_seconds_count 2$/m)
  })

  it('goes on without Redis, and uses it again when it is back; nothing that it gives is older than what it wrote', async () => {
    await using redis = await startRedis()
    await using installation = await setup(redis.url)
    const { path, programs } = installation
    const story = async (name: string) => {
      for (let turn = 0; turn < 6; turn++) {
        const [writer, reader] = turn % 2 === 0 ? programs : ([programs[1], programs[0]] as const)
        assert.equal((await writer.rename(path, `${name} ${turn}`)).status, 200)
        assert.deepEqual(await writer.titles(path), [`${name} ${turn}`, `${name} ${turn}`])
        await shown(reader, path, `${name} ${turn}`)
      }
    }
    await story('there')
    await redis.kill()
    await story('away')
    await redis.restart()
    await story('back')
  })

  it('knows nothing of what was in Redis before the database was put back from a backup', async () => {
    await using redis = await startRedis()
    await using installation = await setup(redis.url)
    const { db, link, path, programs, start } = installation
    const [one, other] = programs
    const follow = async ({ client }: Program) =>
      (await client.send('GET', `/l/${link.code}`, { headers: BROWSER })).headers.get('location')
    await one.rename(path, 'since the backup')
    await one.client.send('PATCH', path, {
      body: { target: 'https://example.com/since' },
      headers: { 'if-match': '*' },
    })
    await shown(other, path, 'since the backup')
    for (const program of programs) assert.equal(await follow(program), 'https://example.com/since')
    const entries = () => askRedis(redis.url, 'KEYS {stoa:shared:*')
    await eventually(async () => (await entries()).includes(link.code))
    // Rows as they were, in tables with files of their own: that is what comes out of a dump.
    await db.admin((session) =>
      session.exec(
        `update stoa_pool.links set target = 'https://example.com/backup', title = 'of the backup', version = 1`,
      ),
    )
    await db.admin((session) => session.exec('vacuum full stoa.placements'))
    const third = await start()
    assert.equal(await follow(third), 'https://example.com/backup')
    assert.deepEqual(await third.titles(path), ['of the backup', 'of the backup'])
  })
})
