import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { StoaError } from '@stoa/kernel'
import { commaList } from '../src/config/comma-list.ts'
import { configOf } from '../src/config/config.ts'
import { type Env, readEnvironment, tracingEnvironment } from '../src/config/env.ts'
import { redisAddress, redisPlace } from '../src/config/redis.ts'

const config = (env: Env, terminal = false) => configOf(readEnvironment(env), tracingEnvironment(env), terminal)

function refusalOf(env: Env): string {
  try {
    config(env)
  } catch (error) {
    assert.ok(error instanceof StoaError)
    assert.equal(error.code, 'invalid_environment')
    return error.message
  }
  assert.fail('the environment was accepted')
}

describe('configuration', () => {
  it('an empty environment gives an installation on PGlite that this machine alone can reach', () => {
    const { database, dataDir, http, publicUrl, redisUrl, secret } = config({})
    assert.deepEqual(
      { database, dataDir, host: http.host, port: http.port, publicUrl, redisUrl, secret },
      {
        database: null,
        dataDir: resolve('.stoa'),
        host: '127.0.0.1',
        port: 3000,
        publicUrl: null,
        redisUrl: null,
        secret: null,
      },
    )
  })

  it('a misspelt STOA_ variable is an error that names the right one', () => {
    assert.match(refusalOf({ STOA_PUBLIC_ULR: 'https://a.example' }), /STOA_PUBLIC_ULR, did you mean 'STOA_PUBLIC_URL'/)
  })

  it('how often programs may ask is set for each of them, and for those of one address', () => {
    const { identity } = config({
      ...{ STOA_CLIENT_BURST: '20', STOA_CLIENT_REQUESTS_PER_SECOND: '2' },
      ...{ STOA_CLIENT_ADDRESS_BURST: '30', STOA_CLIENT_ADDRESS_REQUESTS_PER_SECOND: '3' },
    }).rooms
    const { addressBurst, addressRequestsPerSecond, clientBurst, clientRequestsPerSecond } = identity ?? {}
    assert.deepEqual([clientBurst, clientRequestsPerSecond, addressBurst, addressRequestsPerSecond], [20, 2, 30, 3])
    assert.match(refusalOf({ STOA_CLIENT_BURST: '9' }), /STOA_CLIENT_BURST/)
  })

  it('how many issuers a process keeps ready is set', () => {
    assert.equal(config({ STOA_ISSUERS_KEPT: '2' }).rooms.identity?.maxProviders, 2)
    assert.match(refusalOf({ STOA_ISSUERS_KEPT: '0' }), /STOA_ISSUERS_KEPT/)
  })

  it("the test runner's variables, and the address and the key for curl, are no settings and no errors", () => {
    config({ STOA_TEST_DATABASE_URL: 'x', STOA_URL: 'http://127.0.0.1:3000', STOA_KEY: 'stoa_x' })
  })

  it('what Kubernetes sets for Services named stoa and stoa-redis is no setting and no error', () => {
    config({
      STOA_SERVICE_HOST: '10.96.0.7',
      STOA_SERVICE_PORT: '3000',
      STOA_SERVICE_PORT_HTTP: '3000',
      STOA_SERVICE_PORT_HTTP_METRICS: '9090',
      STOA_PORT: 'tcp://10.96.0.7:3000',
      STOA_PORT_3000_TCP: 'tcp://10.96.0.7:3000',
      STOA_PORT_3000_TCP_PROTO: 'tcp',
      STOA_PORT_3000_TCP_PORT: '3000',
      STOA_PORT_3000_TCP_ADDR: '10.96.0.7',
      STOA_REDIS_SERVICE_HOST: '10.96.0.8',
      STOA_REDIS_SERVICE_PORT_TCP_REDIS: '6379',
      STOA_REDIS_PORT: 'tcp://10.96.0.8:6379',
      STOA_REDIS_PORT_6379_TCP_ADDR: '10.96.0.8',
    })
  })

  it('what looks nearly so is a misspelt setting', () => {
    const wrong = {
      STOA_PORT: '8080',
      STOA_HOST: '0.0.0.0',
      STOA_SERVICE: 'x',
      STOA_PORT_HTTP: '1',
      STOA_PORT_1_TCPX: '',
    }
    const message = refusalOf(wrong)
    for (const name of Object.keys(wrong)) assert.match(message, new RegExp(`unknown variable ${name}\\b`))
  })

  it('every fault is named at once, and no secret is shown', () => {
    const message = refusalOf({ PORT: '70000', DATABASE_URL: 'mysql://root:hunter2@db/x', STOA_SECRET: 'short-secret' })
    assert.match(message, /PORT must be between 0 and 65535/)
    assert.match(message, /DATABASE_URL must be a URL such as/)
    assert.match(message, /STOA_SECRET must have at least 32 characters/)
    assert.doesNotMatch(message, /hunter2|short-secret/)
  })

  it('a password that breaks the URL is explained without being shown', () => {
    const message = refusalOf({ DATABASE_URL: 'postgres://u:p#55@db:5432x/stoa' })
    assert.match(message, /DATABASE_URL cannot be read as a URL: characters such as @ \/ \? # %/)
    assert.doesNotMatch(message, /p#55/)
  })

  it('Redis is one server, the one that Sentinels name, or a Cluster', () => {
    assert.deepEqual(redisAddress('rediss+sentinel://ada:p%40ss@s1,[::1]:26380/main/2?sentinelPassword=x%2Fy'), {
      kind: 'sentinel',
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: '::1', port: 26_380 },
      ],
      name: 'main',
      database: 2,
      tls: true,
      credentials: { username: 'ada', password: 'p@ss' },
      sentinelCredentials: { password: 'x/y' },
    })
    assert.deepEqual(redisAddress('redis+cluster://:secret@n1:7000,n2'), {
      kind: 'cluster',
      nodes: [
        { host: 'n1', port: 7_000 },
        { host: 'n2', port: 6_379 },
      ],
      tls: false,
      credentials: { password: 'secret' },
    })
    const places = ['redis://:hunter2@cache:6379/1', 'redis+sentinel://:hunter2@s1,s2/main', 'redis+cluster://n1,[::1]']
    assert.deepEqual(places.map(redisPlace), [
      'cache:6379/1',
      'main of the Sentinels s1:26379, s2:26379',
      'the Cluster of n1:6379, [::1]:6379',
    ])
    for (const url of places) assert.equal(config({ REDIS_URL: url }).redisUrl, url)
  })

  it('an address of Redis that means nothing is refused with the forms that there are, without its password', () => {
    for (const rest of [
      'sentinel://:hunter2@s1:26379',
      'sentinel://:hunter2@s1,,s2/main',
      'sentinel://:hunter2@s1/main?sentinelPass=x',
      'sentinel://:hunter2@s1/main/x',
      'cluster://:hunter2@n1/0',
      'cluster://:hunter2@n1:70000',
      'cluster://:hunter2/x@n1',
      'cluster://:%E0%A4hunter2@n1',
    ]) {
      const message = refusalOf({ REDIS_URL: `redis+${rest}` })
      assert.match(message, /REDIS_URL cannot be read: several hosts are written as redis\+sentinel:/, rest)
      assert.doesNotMatch(message, /hunter2/)
    }
    assert.match(refusalOf({ REDIS_URL: 'redis+x://a' }), /REDIS_URL must be a URL such as redis:/)
  })

  it('the public address is an origin: a path, a user or another scheme is refused', () => {
    for (const url of ['https://a.example/stoa', 'https://u@a.example', 'ftp://a.example', 'a.example', 'https://']) {
      assert.match(refusalOf({ STOA_PUBLIC_URL: url }), /STOA_PUBLIC_URL must be http/, url)
    }
    assert.equal(config({ STOA_PUBLIC_URL: 'https://A.example:443/' }).publicUrl, 'https://a.example')
  })

  it('proxies are addresses and ranges, and nothing else', () => {
    const { trustedProxies } = config({ STOA_TRUSTED_PROXIES: '10.0.0.0/8, ::1,192.0.2.1,' }).http
    assert.deepEqual(trustedProxies, ['10.0.0.0/8', '::1', '192.0.2.1'])
    for (const wrong of ['10.0.0.0/33', 'proxy', '10.0.0.0/8/8', '1.2.3', '::1/129']) {
      assert.match(refusalOf({ STOA_TRUSTED_PROXIES: wrong }), /STOA_TRUSTED_PROXIES/, wrong)
    }
  })

  it('CORS origins are normalised, because browsers send them without a slash', () => {
    const { corsOrigins } = config({ STOA_CORS_ORIGINS: 'https://App.example/, http://localhost:5173' }).http
    assert.deepEqual(corsOrigins, ['https://app.example', 'http://localhost:5173'])
    assert.match(refusalOf({ STOA_CORS_ORIGINS: 'app.example' }), /STOA_CORS_ORIGINS/)
  })

  it('a worker has a slot for every lane, however small it is', () => {
    assert.match(refusalOf({ STOA_WORKER_SLOTS: '4' }), /STOA_WORKER_SLOTS must be between 5 and/)
  })

  it('a rate limit is what passes at once and what passes per second; anything else says so', () => {
    const { http } = config({ STOA_RATE_LIMIT: '50/0.5', STOA_ANONYMOUS_RATE_LIMIT: ' 1/1 ' })
    assert.deepEqual(http.rateLimit, { capacity: 50, refillPerSecond: 0.5 })
    assert.deepEqual(http.anonymousRateLimit, { capacity: 1, refillPerSecond: 1 })
    assert.deepEqual(http.tenantRateLimit, { capacity: 6000, refillPerSecond: 1000 })
    for (const wrong of [
      '600',
      '600/',
      '/100',
      '0/100',
      '600/0',
      '600/0.00',
      '-1/5',
      '1.5/2',
      '600/100/1',
      '600 per s',
    ]) {
      for (const name of ['STOA_RATE_LIMIT', 'STOA_TENANT_RATE_LIMIT', 'STOA_ANONYMOUS_RATE_LIMIT']) {
        assert.match(
          refusalOf({ [name]: wrong }),
          new RegExp(`${name} must be requests at once/requests per second`),
          wrong,
        )
      }
    }
  })

  it('what a process takes before it refuses work can be set', () => {
    const { bodyLimitBytes, maxConcurrentRequests, maxEventLoopDelayMs, maxRssBytes, slowRequestMs } = config({
      STOA_BODY_LIMIT_BYTES: '2048',
      STOA_MAX_CONCURRENT_REQUESTS: '7',
      STOA_MAX_EVENT_LOOP_DELAY_MS: '0',
      STOA_MAX_RSS_MIB: '300',
      STOA_SLOW_REQUEST_MS: '50',
    }).http
    assert.deepEqual(
      { bodyLimitBytes, maxConcurrentRequests, maxEventLoopDelayMs, maxRssBytes, slowRequestMs },
      {
        bodyLimitBytes: 2048,
        maxConcurrentRequests: 7,
        maxEventLoopDelayMs: 0,
        maxRssBytes: 300 * 1024 * 1024,
        slowRequestMs: 50,
      },
    )
  })

  it('a direct URL without a database is a mistake', () => {
    assert.match(refusalOf({ STOA_DATABASE_DIRECT_URL: 'postgres://db/x' }), /DATABASE_URL is not/)
  })

  it('people get text and warnings, machines get JSON and information; what is set holds for both', () => {
    assert.deepEqual(config({}, true).log, { level: 'warn', format: 'text' })
    assert.deepEqual(config({}, false).log, { level: 'info', format: 'json' })
    const set = { STOA_LOG_LEVEL: 'debug', STOA_LOG_FORMAT: 'json' }
    assert.deepEqual(config(set, true).log, { level: 'debug', format: 'json' })
  })

  it("only OpenTelemetry's variables go on to tracing", () => {
    assert.deepEqual(tracingEnvironment({ OTEL_SERVICE_NAME: 'a', PATH: '/bin', STOA_SECRET: 'b' }), {
      OTEL_SERVICE_NAME: 'a',
    })
  })

  it('a list between commas forgives blanks and a comma at the end', () => {
    assert.deepEqual(commaList(' a ,b,, c,'), ['a', 'b', 'c'])
    assert.deepEqual(commaList(''), [])
  })
})
