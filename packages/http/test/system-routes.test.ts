import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errors, type Logger, StoaError } from '@stoa/kernel'
import { createHealth, createMetrics } from '@stoa/telemetry'
import { TestClock } from '@stoa/testkit'
import { Type } from 'typebox'
import { defineRoute, type HttpOptions } from '../src/index.ts'
import { openApp, send } from './setup.ts'

interface Line {
  readonly level: string
  readonly message: string
  readonly bindings: Record<string, unknown>
}

/** A logger that keeps its lines. */
function keptLog(): { readonly log: Logger; readonly lines: Line[] } {
  const lines: Line[] = []
  const make = (bound: object): Logger => {
    const at = (level: string) => (bindings: object, message: string) =>
      void lines.push({ level, message, bindings: { ...bound, ...bindings } })
    return {
      ...{ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') },
      child: (more) => make({ ...bound, ...more }),
    }
  }
  return { log: make({}), lines }
}

async function setup(options: HttpOptions = {}) {
  const clock = new TestClock()
  const health = createHealth({ cacheMs: 0 }, { clock })
  const { log, lines } = keptLog()
  using stack = new DisposableStack()
  const metrics = stack.use(createMetrics({ process: false }))
  const thing = defineRoute({
    method: 'GET',
    url: '/things/:id',
    operationId: 'getThing',
    tags: ['test'],
    summary: 'Gets a thing',
    permission: null,
    schema: { params: Type.Object({ id: Type.String() }), response: { 200: Type.Object({ id: Type.String() }) } },
    handler(_ctx, { params }) {
      if (params.id === 'broken') throw new Error('the words of the database', { cause: 'its secret' })
      if (params.id === 'away') throw new StoaError(errors.unavailable, { context: { host: 'db.internal' } })
      if (params.id === 'gone') throw new StoaError(errors.not_found)
      return { id: params.id }
    },
  })
  const http = await openApp([thing], options, { clock, health, metrics, log })
  const kept = stack.move()
  return {
    ...{ clock, health, metrics, lines, http },
    get: (url: string, headers: Record<string, string> = {}) => send(http, null, { url, headers }),
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      kept.dispose()
    },
  }
}

describe('health', () => {
  test('live says that the process runs, whatever the checks say', async () => {
    await using app = await setup()
    app.health.add('database', async () => ({ ok: false, detail: 'no answer' }))
    await app.clock.advance(5_000)
    const { status, body } = await app.get('/health/live')
    assert.deepEqual([status, body], [200, { ok: true, uptimeSeconds: 5 }])
  })

  test('ready says what each engine survives, and is 503 as soon as one check fails', async () => {
    await using app = await setup()
    let ok = true
    app.health.add('database', async () => ({ ok, durability: 'process crash, not power loss' }))
    const good = await app.get('/health/ready')
    assert.equal(good.status, 200)
    assert.equal(good.body.checks.database.durability, 'process crash, not power loss')
    ok = false
    const bad = await app.get('/health/ready')
    assert.deepEqual([bad.status, bad.body.ok, bad.body.checks.database.ok], [503, false, false])
  })

  test('answers HEAD, and no other method', async () => {
    await using app = await setup()
    assert.equal((await send(app.http, null, { method: 'HEAD', url: '/health/ready' })).status, 200)
    const posted = await send(app.http, null, { method: 'POST', url: '/health/ready' })
    assert.deepEqual([posted.status, posted.headers.allow], [405, 'GET, HEAD, OPTIONS'])
  })
})

describe('metrics', () => {
  test('count requests by route and status, and never by the address that was asked for', async () => {
    await using app = await setup()
    for (const id of ['a', 'b', 'gone', 'broken']) await app.get(`/things/${id}`)
    for (const path of ['/nothing', '/etc/passwd', '/%E0%A4%A']) await app.get(path)
    const { headers, text } = await app.get('/metrics')
    assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
    const count = (route: string, status: number) =>
      Number(
        new RegExp(`^http_request_duration_seconds_count\\{.*route="${route}",status="${status}"\\} (\\d+)`, 'm').exec(
          text,
        )?.[1] ?? 0,
      )
    assert.equal(count('/things/:id', 200), 2)
    assert.equal(count('/things/:id', 404), 1)
    assert.equal(count('/things/:id', 500), 1)
    assert.equal(count('unknown', 404), 2)
    assert.match(text, /^http_requests_in_flight 0$/m)
    assert.doesNotMatch(text, /passwd|nothing/)
  })

  test('ask for their token when there is one', async () => {
    await using app = await setup({ metricsToken: 'a token of sixteen' })
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Basic a token of sixteen' }]) {
      const refused = await app.get('/metrics', headers as Record<string, string>)
      assert.deepEqual([refused.status, refused.body.code], [401, 'unauthenticated'])
      assert.equal(refused.headers['www-authenticate'], 'Bearer realm="metrics"')
    }
    assert.equal((await app.get('/metrics', { authorization: 'Bearer a token of sixteen' })).status, 200)
  })

  test('are not there when nobody measures', async () => {
    await using http = await openApp([])
    assert.equal((await send(http, null, { url: '/metrics' })).status, 404)
    assert.deepEqual((await send(http, null, { url: '/health/ready' })).body, { ok: true })
  })
})

describe('the log', () => {
  test('has what a caller is not told: cause and context of a failure, with the id that the caller has', async () => {
    await using app = await setup()
    const broken = await app.get('/things/broken')
    const [line] = app.lines
    assert.deepEqual([line?.level, line?.bindings.requestId], ['error', broken.body.requestId])
    assert.match(String(line?.bindings.err), /the words of the database/)
    assert.doesNotMatch(broken.text, /words|secret/)
    await app.get('/things/away')
    assert.deepEqual(app.lines[1]?.bindings.context, { host: 'db.internal' })
    assert.equal(app.lines[1]?.level, 'warn')
  })

  test('has no line for what went well or was refused, and one for each request when it is wanted', async () => {
    await using quiet = await setup()
    for (const url of ['/things/a', '/things/gone', '/nothing']) await quiet.get(url)
    assert.deepEqual(quiet.lines, [])
    await using loud = await setup({ accessLog: 'all' })
    await loud.get('/things/a?token=secret')
    assert.deepEqual(
      loud.lines.map(({ level, message, bindings }) => [
        level,
        message,
        bindings.method,
        bindings.url,
        bindings.status,
      ]),
      [['info', 'request', 'GET', '/things/a', 200]],
    )
  })
})
