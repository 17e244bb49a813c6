import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { startRedis } from '@stoa/testkit/servers'
import { newInstallation, type Up } from './program.ts'
import { underLoad, Writers } from './writers.ts'

interface Ready {
  readonly checks: { readonly redis: { readonly ok: boolean; readonly detail?: string } }
}

interface NewKey {
  readonly apiKey: { readonly id: string }
  readonly key: string
}

/** For limits, for the cache; and for hints and for who is in a channel, one to send and one to listen. */
const CONNECTIONS = 6

interface Line {
  readonly msg: string
  readonly level: string
}

/** Warnings of its log of which the message matches. */
function linesOf(up: Up, message: RegExp): Line[] {
  const lines = up.stderr.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line) as Line).filter(({ level, msg }) => level === 'warn' && message.test(msg))
}

describe('Redis that goes away', () => {
  it('or falls silent fails no request, now or at a start, and no request waits for it', async () => {
    await using redis = await startRedis()
    await using installation = await newInstallation('postgres', { settings: { REDIS_URL: redis.url } })
    const one = await installation.up()
    const detailOf = async (up: Up) => (await up.client(null).got<Ready>('/health/ready')).body.checks.redis.detail
    const writers = new Writers()
    await underLoad(one, writers, async (progress) => {
      // It accepts connections then, as far as its kernel does, and answers nothing.
      process.kill(redis.pid() as number, 'SIGSTOP')
      try {
        await progress()
        const other = await installation.up()
        await other.client().got('/api/v1/links')
        await eventually(async () => (await detailOf(one)) !== undefined)
        await progress()
        assert.equal(await other.stop(), 0)
      } finally {
        process.kill(redis.pid() as number, 'SIGCONT')
      }
      await eventually(async () => (await detailOf(one)) === undefined)
    })
    assert.deepEqual(
      writers.refusals.filter(({ status }) => status !== 429),
      [],
    )
    assert.equal(await one.stop(), 0)
  })

  it('fails no request, now or at a start; a key that one process revokes is refused by the other all the same', async () => {
    await using redis = await startRedis()
    await using installation = await newInstallation('postgres', { settings: { REDIS_URL: redis.url } })
    const one = await installation.up()
    const redisOf = async (up: Up) => (await up.client(null).got<Ready>('/health/ready')).body.checks.redis
    const writers = new Writers()
    await underLoad(one, writers, async (progress) => {
      await redis.kill()
      await progress()
      await eventually(
        () => redisOf(one),
        (redis) => redis.detail !== undefined,
      )

      const other = await installation.up()
      const key = { name: 'short-lived', scopes: ['links:read'] }
      const { body: made } = await one.client().created<NewKey>('/api/v1/api-keys', key)
      await other.client(made.key).got('/api/v1/links')
      const { status } = await one.client().send('DELETE', `/api/v1/api-keys/${made.apiKey.id}`)
      assert.equal(status, 204)
      await eventually(
        () => other.client(made.key).send('GET', '/api/v1/links'),
        (answer) => answer.status === 401,
      )

      await redis.restart()
      for (const up of [one, other])
        await eventually(
          () => redisOf(up),
          (redis) => redis.detail === undefined,
        )
      // Away for seconds, with a try every few milliseconds at first: each connection says so once.
      const backs = () => linesOf(one, /is back$/)
      await eventually(() => backs().length >= CONNECTIONS)
      assert.equal(linesOf(one, /is away$/).length, CONNECTIONS)
      assert.equal(backs().length, CONNECTIONS)
      const times = (message: RegExp) => linesOf(one, message).length
      assert.ok(times(/the store of the limits failed/) <= 2, 'once by the limits of requests, once by those of tries')
      assert.ok(times(/other processes could not be told/) <= 1)
      assert.equal(await other.stop(), 0)
    })
    assert.deepEqual(
      writers.refusals.filter(({ status }) => status !== 429),
      [],
    )
    assert.equal(await one.stop(), 0)
  })
})
