import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { eventually, makeCertificate } from '@stoa/testkit'
import { askRedis, startRedisCluster, startRedisSentinel } from '@stoa/testkit/servers'
import { newInstallation, type Up } from './program.ts'
import { underLoad, Writers } from './writers.ts'

interface Ready {
  readonly checks: { readonly redis: { readonly ok: boolean; readonly detail?: string } }
}

const redisOf = async (up: Up) => (await up.client(null).got<Ready>('/health/ready')).body.checks.redis
const isReached = (up: Up) =>
  eventually(
    () => redisOf(up),
    (redis) => redis.detail === undefined,
  )

/** Asked again where the connection breaks: a Sentinel ends those of a server that it makes the primary. */
const answerOf = (url: string, command: string) => eventually(() => askRedis(url, command).catch(() => ''))

/** Both programs hear hints and presence there, and count their callers there. */
async function isUsed(url: string, programs: readonly Up[]): Promise<void> {
  for (const use of ['hints', 'presence']) {
    await eventually(async () => {
      const channel = new RegExp(`stoa:${use}:\\S+`).exec(await answerOf(url, 'PUBSUB CHANNELS *'))?.[0]
      return channel !== undefined && (await answerOf(url, `PUBSUB NUMSUB ${channel}`)).includes(':2\r\n')
    })
  }
  for (const up of programs) {
    await answerOf(url, 'FLUSHALL')
    await eventually(async () => {
      await up.client().got('/api/v1/links')
      return (await answerOf(url, 'KEYS *')).includes('stoa:limits:')
    })
  }
}

describe('Redis that a Sentinel names', () => {
  it('by TLS and with passwords, is used by all programs, and so is the server that takes its place; no request fails meanwhile', async () => {
    const authority = makeCertificate({ name: 'an authority' })
    const { cert, key } = makeCertificate({ name: 'Redis', addresses: ['127.0.0.1'], issuer: authority })
    const passwords = { password: 'of-the-servers', sentinelPassword: 'of-the-sentinels' }
    await using servers = await startRedisSentinel({ tls: { ca: authority.cert, cert, key }, ...passwords })
    const [sentinel] = servers.sentinels
    const places = `127.0.0.1:1,127.0.0.1:${sentinel?.port}/${servers.name}`
    const REDIS_URL = `rediss+sentinel://:of-the-servers@${places}?sentinelPassword=of-the-sentinels`
    await using installation = await newInstallation('postgres', { settings: { REDIS_URL } })
    const ca = join(installation.folder, 'ca.pem')
    writeFileSync(ca, authority.cert)
    const trusting = { NODE_EXTRA_CA_CERTS: ca }
    const one = await installation.up(trusting)
    const other = await installation.up(trusting)
    for (const up of [one, other]) await isReached(up)
    await isUsed(servers.primary.url, [one, other])

    const writers = new Writers()
    await underLoad(one, writers, async (progress) => {
      await servers.primary.kill()
      await progress()
      for (const up of [one, other]) await isReached(up)
      await isUsed(servers.replica.url, [one, other])
    })
    assert.deepEqual(
      writers.refusals.filter(({ status }) => status !== 429),
      [],
    )
    assert.deepEqual(await Promise.all([one.stop(), other.stop()]), [0, 0])
  })
})

describe('a Redis Cluster', () => {
  it('is used by all programs', async () => {
    await using server = await startRedisCluster()
    const REDIS_URL = server.url.replace('redis:', 'redis+cluster:')
    await using installation = await newInstallation('postgres', { settings: { REDIS_URL } })
    const one = await installation.up()
    const other = await installation.up()
    for (const up of [one, other]) await isReached(up)
    await isUsed(server.url, [one, other])

    const { body } = await one.client().created<{ code: string }>('/api/v1/links', { target: 'https://example.com/' })
    assert.equal((await fetch(`${other.url}/l/${body.code}`, { redirect: 'manual' })).status, 302)
    await eventually(async () => (await askRedis(server.url, 'KEYS *')).includes('stoa:shared:'))
    assert.deepEqual(await Promise.all([one.stop(), other.stop()]), [0, 0])
  })
})
