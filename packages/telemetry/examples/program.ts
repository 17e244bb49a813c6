/*
 * A server that logs, measures, traces and tells how it is. Run it with OTEL_EXPORTER_OTLP_ENDPOINT set, and its spans
 * arrive there.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Resources } from '@stoa/kernel'
import {
  createHealth,
  createLogger,
  createMetrics,
  currentTrace,
  endSpan,
  inSpan,
  startSpan,
  startTracing,
  withSpan,
} from '@stoa/telemetry'

await using resources = new Resources({ closeTimeoutMs: 5000 })
// Opened first, so closed last: everything before it can still log.
const lines: string[] = []
const log = resources.use(createLogger({ destination: { write: (line) => lines.push(line) } }), 'log')
// A program passes process.env here.
const env: Record<string, string | undefined> = {}
resources.use(await startTracing(env, { serviceName: 'example', log }), 'tracing')
const metrics = resources.use(createMetrics(), 'metrics')
const health = createHealth({}, { log })
health.add('database', async () => ({ ok: true, durability: 'survives a crash of the process' }))

const route = metrics.httpRoute('GET', '/greeting')
const server = createServer((request, response) => {
  const started = performance.now()
  const { traceparent } = request.headers
  const header = typeof traceparent === 'string' ? traceparent : undefined
  const span = startSpan('GET /greeting', {}, { role: 'server', traceparent: header })
  const requestLog = log.child({ traceId: currentTrace(span)?.traceId ?? null })
  inSpan(span, async () => {
    const text = await withSpan('greet', {}, async () => 'hello')
    response.end(text)
    route.observe(response.statusCode, (performance.now() - started) / 1000)
    requestLog.info({ url: request.url, headers: request.headers, status: response.statusCode }, 'request')
    endSpan(span)
  })
})
resources.add('http', async () => {
  health.drain()
  server.close()
  server.closeIdleConnections()
  await once(server, 'close')
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/greeting?token=abcdef`
const answer = await fetch(url, { headers: { authorization: 'Bearer very-secret' } })
assert.equal(await answer.text(), 'hello')
assert.equal((await health.ready()).ok, true)
assert.match(
  await metrics.text(),
  /http_request_duration_seconds_count\{method="GET",route="\/greeting",status="200"\} 1/,
)
assert.match(lines[0] ?? '', /"authorization":"\[redacted\]"/)
assert.match(lines[0] ?? '', /"url":"\/greeting\?token=\[redacted\]"/)
console.log('ok')
