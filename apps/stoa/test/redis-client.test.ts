import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { eventually, makeCertificate } from '@stoa/testkit'
import { type ServerTls, startRedis, startRedisCluster, startRedisSentinel } from '@stoa/testkit/servers'
import { pingRedis } from '../src/redis-check.ts'
import { type RedisClient, redisClient } from '../src/redis-client.ts'

const password = 'of-the-servers'
const sentinelPassword = 'of-the-sentinels'

describe('Redis by TLS, with passwords', () => {
  const trusted = getCACertificates('default')
  const authority = makeCertificate({ name: 'an authority' })
  const { cert, key } = makeCertificate({ name: 'Redis', addresses: ['127.0.0.1'], issuer: authority })
  const tls: ServerTls = { ca: authority.cert, cert, key }
  before(() => setDefaultCACertificates([...trusted, authority.cert]))
  after(() => setDefaultCACertificates(trusted))

  /** A client as the program makes it for limits, once it is ready. */
  async function connected(url: string) {
    const client = redisClient(url, {
      ...{ enableOfflineQueue: false, maxRetriesPerRequest: 0 },
      retryStrategy: () => 50,
    })
    client.on('error', () => undefined)
    await eventually(() => client.status === 'ready')
    return { client, [Symbol.dispose]: () => client.disconnect() }
  }
  const remembers = async (client: RedisClient, value: string) => {
    await client.set('key', value)
    return (await client.get('key')) === value
  }

  /** Who has not the password, or does not trust the certificate, is told so. */
  async function isClosedToOthers(url: string) {
    await assert.rejects(pingRedis(url.replace(password, 'another')), /WRONGPASS/)
    setDefaultCACertificates(trusted)
    try {
      await assert.rejects(pingRedis(url), /self-signed certificate|sentinels are unreachable|Connection is closed/)
    } finally {
      setDefaultCACertificates([...trusted, authority.cert])
    }
  }

  it('is one server', async () => {
    await using server = await startRedis({ tls, password })
    using one = await connected(server.url)
    assert.ok(await remembers(one.client, 'first'))
    await pingRedis(server.url)
    await isClosedToOthers(server.url)
  })

  it('is whichever server a Sentinel names, before a failover and after it', async () => {
    await using servers = await startRedisSentinel({ tls, password, sentinelPassword })
    const [sentinel] = servers.sentinels
    const place = `127.0.0.1:${sentinel?.port}/${servers.name}`
    const url = `rediss+sentinel://default:${password}@${place}?sentinelPassword=${sentinelPassword}`
    using one = await connected(url)
    assert.ok(await remembers(one.client, 'first'))
    await pingRedis(url)
    await isClosedToOthers(url)
    await assert.rejects(pingRedis(url.replace(sentinelPassword, 'another')), /All sentinels are unreachable/)

    await servers.primary.kill()
    await eventually(() => remembers(one.client, 'second').catch(() => false))
  })

  it('is a Cluster', async () => {
    await using server = await startRedisCluster({ tls, password })
    const url = server.url.replace('rediss:', 'rediss+cluster:')
    using one = await connected(url)
    assert.ok(await remembers(one.client, 'first'))
    await pingRedis(url)
    await isClosedToOthers(url)
  })
})
