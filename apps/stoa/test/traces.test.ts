import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { eventually, testRedisUrl } from '@stoa/testkit'
import { newInstallation } from './program.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
}

/** An OTLP/HTTP collector that keeps the spans. */
async function startCollector() {
  const spans: Span[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const sent = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    for (const { scopeSpans } of sent.resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const attribute = ({ attributes }: Span, key: string) => attributes.find((one) => one.key === key)?.value.stringValue

describe('traces', () => {
  it('show a request with its statements and Redis commands, and a job with its own; idle polls are not in them', async () => {
    await using collector = await startCollector()
    await using installation = await newInstallation('postgres', {
      settings: {
        REDIS_URL: testRedisUrl(),
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      },
    })
    const up = await installation.up()
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    const { body } = await up.client().created<{ id: string }>('/api/v1/links', { target: 'https://example.com/' })
    await up.client().send('GET', `/api/v1/links/${body.id}`, { headers: { traceparent } })
    const asked = { kind: 'links.import', input: { links: [{ target: 'https://example.com/1' }] } }
    const task = await up
      .client()
      .send<{ id: string }>('POST', '/api/v1/tasks', { headers: { traceparent }, body: asked })
    const state = async () =>
      (await up.client().send<{ state: string }>('GET', `/api/v1/tasks/${task.body.id}`)).body.state
    await eventually(state, (now) => now === 'done')
    assert.equal(await up.stop(), 0)

    const { spans } = collector
    const byId = new Map(spans.map((span) => [span.spanId, span]))
    const nameOfRoot = (span: Span): string => {
      const parent = span.parentSpanId ? byId.get(span.parentSpanId) : undefined
      return parent === undefined ? span.name : nameOfRoot(parent)
    }
    const inside = (root: string, system: string) =>
      spans.filter((span) => attribute(span, 'db.system.name') === system && nameOfRoot(span) === root)
    assert.ok(inside('POST /api/v1/links', 'postgresql').length >= 1)
    assert.ok(inside('GET /api/v1/links/:id', 'redis').length >= 1)
    const reading = inside('GET /api/v1/links/:id', 'postgresql')
    assert.ok(reading.length >= 1)
    assert.ok(reading.every((span) => span.traceId === traceId))
    assert.ok(inside('process links.import', 'postgresql').length >= 1)
    const job = spans.find(({ name }) => name === 'process links.import') as Span
    assert.equal(attribute(job, 'messaging.message.id'), task.body.id)
    assert.equal(attribute(job, 'stoa.job.enqueued_by_trace'), traceId)
    const alone = spans.filter((span) => attribute(span, 'db.system.name') !== undefined && !span.parentSpanId)
    assert.deepEqual(alone, [])
    const told = JSON.stringify(spans)
    assert.ok(!told.includes('https://example.com/') && !told.includes(installation.key ?? 'no key'))
  })
})
