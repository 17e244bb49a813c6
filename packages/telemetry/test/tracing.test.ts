import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { errors, StoaError, systemClock } from '@stoa/kernel'
import {
  createLogger,
  currentTrace,
  type Env,
  endSpan,
  injectTrace,
  inSpan,
  startSpan,
  startTracing,
  tracingWanted,
  withSpan,
} from '@stoa/telemetry'

interface SentSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[]
  readonly status: { code?: number; message?: string }
  readonly events?: readonly { name: string; attributes: readonly { key: string; value: { stringValue: string } }[] }[]
}

interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** An OTLP/HTTP collector that keeps what it gets. */
async function startCollector(status = 200) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    received.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) })
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const json = () => received.map(({ body }) => JSON.parse(body.toString('utf8')))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    spans: (): SentSpan[] => json().flatMap((sent) => sent.resourceSpans.flatMap((of: never) => spansOf(of))),
    resource: (): Record<string, string> =>
      Object.fromEntries(
        json()[0].resourceSpans[0].resource.attributes.map(
          (attribute: { key: string; value: { stringValue: string } }) => [attribute.key, attribute.value.stringValue],
        ),
      ),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function spansOf(resource: { scopeSpans: { spans: SentSpan[] }[] }): SentSpan[] {
  return resource.scopeSpans.flatMap((scope) => scope.spans)
}

/** Traces what `work` does, and gives what arrived at the collector. */
async function setup(work: () => unknown, env: Env = {}) {
  await using collector = await startCollector()
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
  await using tracing = await startTracing({ ...base, ...env })
  assert.equal(tracing.enabled, true)
  await work()
  await tracing.flush()
  const sent = collector.received.length > 0 && collector.received[0]?.headers['content-type'] === 'application/json'
  const spans = sent ? collector.spans() : []
  return {
    received: collector.received,
    spans,
    resource: sent ? collector.resource() : {},
    span: (name: string) => {
      const found = spans.find((span) => span.name === name)
      assert.ok(found, `no span '${name}' in ${spans.map((span) => span.name)}`)
      return found
    },
  }
}

const remote = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

describe('startTracing', () => {
  it('is off unless the standard variables ask for it', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
    const cases: [env: Env, wanted: boolean][] = [
      [{}, false],
      [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, false],
      [{ OTEL_SERVICE_NAME: 'x' }, false],
      [endpoint, true],
      [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector/x' }, true],
      [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
      [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, false],
      [{ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }, false],
      [{ ...endpoint, OTEL_SDK_DISABLED: 'false' }, true],
    ]
    for (const [env, wanted] of cases) assert.equal(tracingWanted(env), wanted, JSON.stringify(env))
  })

  it('loads nothing of the SDK when it is off', () => {
    const source = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ resolve(name, context, next) { const found = next(name, context); loaded.push(found.url); return found } })
      const { startTracing } = await import('@stoa/telemetry')
      const tracing = await startTracing({})
      await tracing.flush()
      await tracing[Symbol.asyncDispose]()
      console.log(tracing.enabled, loaded.length > 10, loaded.filter((url) => /@opentelemetry\\/(?!api\\/)/.test(url)).join())`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    })
    assert.equal(stdout.trim(), 'false true', stderr)
  })

  it('names the variable that cannot be understood', async () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
    await assert.rejects(
      startTracing({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }),
      /OTEL_EXPORTER_OTLP_PROTOCOL must be one of http\/protobuf, http\/json/,
    )
    await assert.rejects(
      startTracing({ ...endpoint, OTEL_TRACES_SAMPLER_ARG: '2' }),
      /OTEL_TRACES_SAMPLER_ARG must be between 0 and 1/,
    )
    await assert.rejects(
      startTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }),
      /OTEL_EXPORTER_OTLP_ENDPOINT must be an http/,
    )
    await assert.rejects(
      startTracing({ ...endpoint, OTEL_BSP_MAX_QUEUE_SIZE: '10' }),
      /OTEL_BSP_MAX_EXPORT_BATCH_SIZE must not be above/,
    )
  })

  it('sends spans to the address, with the headers and the resource of the variables', async () => {
    const { received, resource, spans } = await setup(() => withSpan('work', {}, () => 1), {
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=acme,x-note=a%20b',
      OTEL_SERVICE_NAME: 'links',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=ignored,deployment.environment.name=test',
    })
    assert.equal(received[0]?.path, '/v1/traces')
    assert.equal(received[0]?.headers['x-tenant'], 'acme')
    assert.equal(received[0]?.headers['x-note'], 'a b')
    assert.equal(resource['service.name'], 'links')
    assert.equal(resource['deployment.environment.name'], 'test')
    assert.equal(spans.length, 1)
  })

  it('speaks protobuf unless told otherwise', async () => {
    const { received } = await setup(() => withSpan('in protobuf', {}, () => 1), { OTEL_EXPORTER_OTLP_PROTOCOL: '' })
    assert.equal(received[0]?.headers['content-type'], 'application/x-protobuf')
    assert.ok(received[0]?.body.includes('in protobuf'))
  })

  it('takes the address of the signal as it is', async () => {
    await using own = await startCollector()
    await setup(() => withSpan('work', {}, () => 1), { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${own.url}/custom/path` })
    assert.equal(own.received[0]?.path, '/custom/path')
  })

  it('sends what is left when it is disposed, and can be started again', async () => {
    for (const round of [1, 2]) {
      await using collector = await startCollector()
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
      const tracing = await startTracing(env)
      withSpan(`round ${round}`, {}, () => 1)
      await tracing[Symbol.asyncDispose]()
      await tracing[Symbol.asyncDispose]()
      assert.deepEqual(
        collector.spans().map((span) => span.name),
        [`round ${round}`],
      )
      assert.equal(
        withSpan('after', {}, () => currentTrace()),
        null,
      )
    }
  })

  it('refuses to start beside another SDK', async () => {
    await setup(async () => {
      await assert.rejects(
        startTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }),
        /another tracing SDK is registered/,
      )
    })
  })

  it('tells the log when the collector refuses, and disturbs nobody', async () => {
    await using collector = await startCollector(400)
    const logged: string[] = []
    const log = createLogger({ destination: { write: (line) => logged.push(line) } })
    const tracing = await startTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, { log })
    assert.equal(
      withSpan('work', {}, () => 7),
      7,
    )
    await tracing[Symbol.asyncDispose]()
    assert.match(logged.join(''), /tracing: /)
  })
})

describe('disposing of a tracing', () => {
  it('does not wait for a collector that never answers longer than it was told', async () => {
    const waits: number[] = []
    const clock = {
      now: () => 0,
      sleep: async (ms: number) => {
        waits.push(ms)
      },
    }
    const logged: string[] = []
    const log = createLogger({ destination: { write: (line) => logged.push(line) } })
    const server = createServer(() => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const tracing = await startTracing(
      { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_TIMEOUT: '200' },
      { log, clock, closeTimeoutMs: 1500 },
    )
    withSpan('work', {}, () => 1)
    await tracing[Symbol.asyncDispose]()
    assert.deepEqual(waits, [1500])
    assert.match(logged.join(''), /spans could not be sent/)
    assert.match(logged.join(''), /not sent within 1500 ms/)
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
})

describe('withSpan', () => {
  it('costs no context and has no trace when nothing is traced', () => {
    assert.equal(
      withSpan('work', { a: 1 }, (span) => {
        assert.equal(span.isRecording(), false)
        return currentTrace()
      }),
      null,
    )
    const headers: Record<string, string> = {}
    injectTrace(headers)
    assert.deepEqual(headers, {})
  })

  it('gives back what the work gives back, sync or async, and throws what it throws', async () => {
    const check = async () => {
      const failure = new Error('no')
      assert.equal(
        withSpan('a', {}, () => 5),
        5,
      )
      assert.equal(await withSpan('b', {}, async () => 6), 6)
      assert.throws(
        () =>
          withSpan('c', {}, () => {
            throw failure
          }),
        failure,
      )
      await assert.rejects(
        withSpan('d', {}, async () => {
          throw failure
        }),
        failure,
      )
    }
    await check()
    await setup(check)
  })

  it('nests: what starts inside, also after an await, is a child', async () => {
    const { span } = await setup(() =>
      withSpan('outer', { n: 1 }, async () => {
        await systemClock.sleep(1)
        await Promise.all([
          withSpan('left', {}, async () => systemClock.sleep(1)),
          withSpan('right', {}, async () => 1),
        ])
      }),
    )
    const outer = span('outer')
    for (const name of ['left', 'right']) {
      assert.equal(span(name).parentSpanId, outer.spanId)
      assert.equal(span(name).traceId, outer.traceId)
    }
    assert.equal(outer.parentSpanId || undefined, undefined)
    assert.deepEqual(outer.attributes, [{ key: 'n', value: { intValue: 1 } }])
  })

  it('continues the trace of a caller, and hands it on', async () => {
    const headers: Record<string, string> = {}
    const { span } = await setup(() => {
      withSpan('GET /links', {}, () => injectTrace(headers), {
        role: 'server',
        traceparent: `00-${remote.traceId}-${remote.spanId}-01`,
        tracestate: 'vendor=1',
      })
      withSpan('no caller', {}, () => 1, { role: 'server', traceparent: 'broken' })
    })
    const served = span('GET /links')
    assert.equal(served.kind, 2)
    assert.equal(served.traceId, remote.traceId)
    assert.equal(served.parentSpanId, remote.spanId)
    assert.deepEqual(headers, { traceparent: `00-${remote.traceId}-${served.spanId}-01`, tracestate: 'vendor=1' })
    assert.notEqual(span('no caller').traceId, remote.traceId)
  })

  it('records nothing for a caller who does not, but keeps the trace id', async () => {
    let inside = currentTrace()
    const { spans } = await setup(() => {
      const options = { traceparent: `00-${remote.traceId}-${remote.spanId}-00` }
      withSpan('quiet', {}, () => withSpan('child', {}, () => (inside = currentTrace())), options)
    })
    assert.deepEqual(spans, [])
    assert.equal(inside?.traceId, remote.traceId)
    assert.equal(inside?.sampled, false)
  })

  it('samples as the variables say', async () => {
    const work = () => withSpan('work', {}, () => 1)
    assert.equal((await setup(work, { OTEL_TRACES_SAMPLER: 'always_off' })).spans.length, 0)
    const none = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }
    assert.equal((await setup(work, none)).spans.length, 0)
    assert.equal((await setup(work, { ...none, OTEL_TRACES_SAMPLER_ARG: '1' })).spans.length, 1)
  })

  it('marks a failure on the span with its secrets cut out, and takes a refusal for an answer', async () => {
    const fail = (name: string, error: Error) =>
      assert.throws(() =>
        withSpan(name, {}, () => {
          throw error
        }),
      )
    const { span } = await setup(() => {
      fail('plain', new Error('no answer from postgres://me:hunter2@db'))
      fail('down', new StoaError(errors.unavailable, { cause: new Error('ECONNREFUSED') }))
      fail('refused', new StoaError(errors.not_found))
    })
    assert.deepEqual(span('plain').status, { code: 2, message: 'no answer from postgres://[redacted]@db' })
    assert.ok(!JSON.stringify(span('plain')).includes('hunter2'))
    assert.equal(span('plain').events?.[0]?.name, 'exception')
    assert.deepEqual(span('down').status, { code: 2, message: 'ECONNREFUSED' })
    assert.equal(span('refused').status.code ?? 0, 0)
    assert.deepEqual(span('refused').attributes, [{ key: 'error.type', value: { stringValue: 'not_found' } }])
  })
})

describe('startSpan', () => {
  it('serves work that goes through hooks: started here, entered there, ended at last', async () => {
    const { span } = await setup(async () => {
      const request = startSpan('request', {}, { role: 'server' })
      await inSpan(request, async () => {
        await systemClock.sleep(1)
        withSpan('handler', {}, () => 1)
      })
      request.setAttribute('http.response.status_code', 500)
      endSpan(request, new Error('broken'))
    })
    assert.equal(span('handler').parentSpanId, span('request').spanId)
    assert.equal(span('request').status.code, 2)
  })
})
