import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createSharedEntries, type RedisClient, type SharedEntries } from '@stoa/cache'
import { systemClock } from '@stoa/kernel'
import { eventually, testRedisUrl } from '@stoa/testkit'
import { Redis } from 'ioredis'
import type { Link } from '../src/contract.ts'
import { seedLink, seedLinks } from '../src/testing.ts'
import { startSuite } from './setup.ts'

/** Redis, whose commands are counted and can be held up. */
class Wire implements RedisClient {
  readonly redis = new Redis(testRedisUrl(), { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  readonly commands: string[] = []
  before: (command: string) => unknown = () => undefined

  async callBuffer(command: string, ...args: (string | Buffer | number)[]): Promise<unknown> {
    this.commands.push(command)
    await this.before(command)
    return await this.redis.callBuffer(command, ...args)
  }
}

const TIMEOUT_MS = 10_000

describe('links that processes have looked up for each other (postgres)', () => {
  let suite: Awaited<ReturnType<typeof startSuite>>
  let wire: Wire
  let entries: SharedEntries
  before(async () => {
    wire = new Wire()
    await new Promise((resolve) => wire.redis.once('ready', resolve))
    entries = createSharedEntries({ prefix: `test:${randomUUID()}:`, timeoutMs: TIMEOUT_MS }, { redis: wire })
    suite = await startSuite('postgres', {}, entries)
  })
  after(async () => {
    await suite?.[Symbol.asyncDispose]()
    await entries?.[Symbol.asyncDispose]()
    wire?.redis.disconnect()
  })

  const metric = async (of: typeof suite, name: string) => {
    const line = (await of.metrics.text()).split('\n').find((one) => one.startsWith(`${name} `))
    return Number(line?.split(' ')[1] ?? Number.NaN)
  }
  const targetAt = async (of: typeof suite, { code }: Pick<Link, 'code'>) =>
    (await of.anyone.get(`/l/${code}`)).headers.get('location')

  it('a process that has just started asks the database for none of them, and Redis once for all that are wanted together', async () => {
    const { tenants } = suite
    const made = await Promise.all(
      [tenants.pooled, tenants.placed].map((tenant) =>
        seedLinks(suite.as(tenant), 5, (n) => ({ target: `https://example.com/${n}` })),
      ),
    )
    const links = made.flat()
    await Promise.all(links.map((link) => targetAt(suite, link)))
    await entries.settled()
    await using other = await suite.second()
    wire.commands.length = 0
    assert.deepEqual(
      await Promise.all(links.map((link) => targetAt(other, link))),
      links.map(({ target }) => target),
    )
    assert.equal(await metric(other, 'stoa_links_lookups_total{by="redis"}'), links.length)
    assert.equal(await metric(other, 'stoa_links_directory_reads_total'), 0)
    const reads = await metric(other, 'stoa_links_shared_reads_total')
    assert.ok(
      reads <= links.length && reads === wire.commands.filter((command) => command === 'MGET').length,
      `${reads}`,
    )
    await Promise.all(links.map((link) => targetAt(other, link)))
    assert.equal(await metric(other, 'stoa_links_shared_reads_total'), reads)
  })

  it('a change holds at once, and in a process that starts later too', async () => {
    const client = suite.as(suite.tenants.pooled)
    const link = await seedLink(client)
    await targetAt(suite, link)
    await entries.settled()
    await client.patch(`/api/v1/links/${link.id}`, { target: 'https://example.com/two' }, { 'if-match': '*' })
    assert.equal(await targetAt(suite, link), 'https://example.com/two')
    await entries.settled()
    await using other = await suite.second()
    assert.equal(await targetAt(other, link), 'https://example.com/two')
    await client.post(`/api/v1/links/${link.id}/archival`)
    await eventually(async () => (await other.anyone.get(`/l/${link.code}`)).status === 410)
  })

  it('what was looked up before a change and comes late brings nothing old back', async () => {
    const client = suite.as(suite.tenants.pooled)
    const link = await seedLink(client)
    const held = Promise.withResolvers<void>()
    const storing = Promise.withResolvers<void>()
    wire.before = (command) => {
      if (command !== 'EVALSHA') return
      wire.before = () => undefined
      storing.resolve()
      return held.promise
    }
    await targetAt(suite, link)
    await storing.promise
    await client.patch(`/api/v1/links/${link.id}`, { target: 'https://example.com/new' }, { 'if-match': '*' })
    await eventually(async () => (await wire.redis.keys(`*${link.code}`)).length === 1)
    held.resolve()
    await entries.settled()
    await using other = await suite.second()
    assert.equal(await targetAt(other, link), 'https://example.com/new')
  })

  it('a link with a password is looked up by each process: its hash is not in Redis', async () => {
    const link = await seedLink(suite.as(suite.tenants.pooled), { password: 'secret' })
    assert.equal((await suite.anyone.get(`/l/${link.code}`, { accept: 'text/html' })).status, 200)
    await entries.settled()
    assert.deepEqual(await wire.redis.keys(`*${link.code}`), [])
  })

  it('what is in Redis and cannot be read counts as not there', async () => {
    const link = await seedLink(suite.as(suite.tenants.pooled), { target: 'https://example.com/kept' })
    await targetAt(suite, link)
    await entries.settled()
    const [key = ''] = await wire.redis.keys(`*${link.code}`)
    for (const text of ['1\n{', '1\nnull', '1\n{"link":{}}', 'x\n{}', '', '\n', '1']) {
      await wire.redis.set(key, text)
      await using other = await suite.second()
      assert.equal(await targetAt(other, link), 'https://example.com/kept', JSON.stringify(text))
    }
  })

  it('a Redis that answers nothing, or errors, costs no visit: the database is asked', async () => {
    const link = await seedLink(suite.as(suite.tenants.pooled), { target: 'https://example.com/kept' })
    const stuck = Promise.withResolvers<never>()
    stuck.promise.catch(() => undefined)
    for (const fault of [() => stuck.promise, () => Promise.reject(new Error('gone'))]) {
      await using hasty = createSharedEntries({ prefix: 'test:', timeoutMs: 20 }, { redis: { callBuffer: fault } })
      await using other = await suite.second(hasty)
      const started = systemClock.now()
      assert.equal(await targetAt(other, link), 'https://example.com/kept')
      assert.ok(systemClock.now() - started < TIMEOUT_MS)
    }
  })
})
