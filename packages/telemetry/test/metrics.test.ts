import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics } from '@stoa/telemetry'
import fc from 'fast-check'

function setup() {
  const metrics = createMetrics({ process: false })
  const lines = async (name: string) => (await metrics.text()).split('\n').filter((line) => line.startsWith(name))
  return { metrics, lines }
}

describe('createMetrics', () => {
  it('writes the Prometheus text format', async () => {
    const { metrics } = setup()
    metrics
      .counter({ name: 'jobs_total', help: 'Jobs done.', labels: ['lane'] })
      .labels('mail')
      .inc(2)
    assert.match(
      await metrics.text(),
      /# HELP jobs_total Jobs done\.\n# TYPE jobs_total counter\njobs_total\{lane="mail"\} 2\n/,
    )
    assert.match(metrics.contentType, /^text\/plain; version=0\.0\.4/)
  })

  it('escapes what a label holds', async () => {
    const { metrics, lines } = setup()
    metrics
      .counter({ name: 'x_total', help: 'x', labels: ['a'] })
      .labels('say "hi"\n\\')
      .inc()
    assert.deepEqual(await lines('x_total'), ['x_total{a="say \\"hi\\"\\n\\\\"} 1'])
  })

  it('has a zero from the start for a metric without labels, so that a rate can be told', async () => {
    const { metrics, lines } = setup()
    metrics.counter({ name: 'a_total', help: 'a' })
    metrics.histogram({ name: 'b_seconds', help: 'b', buckets: [1] })
    assert.deepEqual(await lines('a_total'), ['a_total 0'])
    assert.deepEqual(await lines('b_seconds'), [
      'b_seconds_bucket{le="1"} 0',
      'b_seconds_bucket{le="+Inf"} 0',
      'b_seconds_sum 0',
      'b_seconds_count 0',
    ])
  })

  it('gives the same child for the same labels', () => {
    const { metrics } = setup()
    const counter = metrics.counter({ name: 'a_total', help: 'a', labels: ['x', 'y'] })
    assert.equal(counter.labels('1', 2), counter.labels(1, '2'))
    assert.notEqual(counter.labels('1', '2'), counter.labels('12', ''))
    assert.throws(() => counter.labels('1'), /expected values for the labels x, y, got 1/)
    assert.throws(() => counter.inc(), TypeError)
  })

  it('never lets a counter shrink', async () => {
    const { metrics, lines } = setup()
    const counter = metrics.counter({ name: 'a_total', help: 'a' })
    for (const by of [5, -3, Number.NaN, Number.POSITIVE_INFINITY]) counter.inc(by)
    assert.deepEqual(await lines('a_total'), ['a_total 5'])
  })

  it('lets a gauge go both ways, or asks for its value at the scrape', async () => {
    const { metrics, lines } = setup()
    const gauge = metrics.gauge({ name: 'g', help: 'g' })
    gauge.set(5)
    gauge.inc()
    gauge.dec(3)
    metrics.gauge({ name: 'asked', help: 'x', collect: async (self) => self.set(42) })
    assert.deepEqual(await lines('g '), ['g 3'])
    assert.deepEqual(await lines('asked'), ['asked 42'])
  })

  it('shows the page though one gauge cannot be read', async () => {
    const { metrics, lines } = setup()
    metrics.gauge({ name: 'bad', help: 'x', collect: () => Promise.reject(new Error('database gone')) })
    assert.deepEqual(await lines('bad'), ['bad 0'])
  })

  it('keeps a bounded number of label combinations, and counts the rest under other', async () => {
    const { metrics, lines } = setup()
    const counter = metrics.counter({ name: 'a_total', help: 'a', labels: ['path'], maxSeries: 3 })
    for (let path = 0; path < 1000; path++) counter.labels(path).inc()
    assert.deepEqual(await lines('a_total'), [
      'a_total{path="0"} 1',
      'a_total{path="1"} 1',
      'a_total{path="2"} 1',
      'a_total{path="other"} 997',
    ])
  })

  it('refuses a taken name, and names that Prometheus would refuse', () => {
    const { metrics } = setup()
    metrics.counter({ name: 'a_total', help: 'a' })
    assert.throws(() => metrics.gauge({ name: 'a_total', help: 'a' }), /already been registered/)
    assert.throws(() => metrics.counter({ name: 'a-b', help: 'a' }), TypeError)
    for (const label of ['le', '__x', 'a-b', '']) {
      assert.throws(() => metrics.counter({ name: 'b_total', help: 'b', labels: [label] }), TypeError, label)
    }
    assert.throws(() => metrics.histogram({ name: 'h', help: 'h', buckets: [2, 1] }), RangeError)
    assert.throws(() => metrics.histogram({ name: 'h', help: 'h', buckets: [] }), RangeError)
  })

  it('shares nothing between two registries', async () => {
    const one = setup()
    const two = setup()
    one.metrics.httpInFlight.inc()
    assert.deepEqual(await two.lines('http_requests_in_flight'), ['http_requests_in_flight 0'])
  })

  it('puts every value into the buckets that it fits, like counting by hand', async () => {
    const buckets = [0.5, 1, 2.5]
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -1000, max: 5000 })), async (thousandths) => {
        const { metrics, lines } = setup()
        const histogram = metrics.histogram({ name: 'h', help: 'h', buckets })
        for (const value of thousandths) histogram.observe(value / 1000)
        histogram.observe(Number.NaN)
        const expected = [...buckets, Number.POSITIVE_INFINITY].map(
          (bound) => thousandths.filter((value) => value / 1000 <= bound).length,
        )
        const printed = (await lines('h_bucket')).map((line) => Number(line.split(' ')[1]))
        assert.deepEqual(printed, expected)
        assert.deepEqual(await lines('h_count'), [`h_count ${thousandths.length}`])
      }),
      { numRuns: 40 },
    )
  })
})

describe('httpRoute', () => {
  it('counts requests by method, route and status', async () => {
    const { metrics, lines } = setup()
    const route = metrics.httpRoute('GET', '/api/v1/links/:id')
    route.observe(200, 0.002)
    route.observe(200, 0.2)
    route.observe(404, 0.001)
    assert.equal(metrics.httpRoute('GET', '/api/v1/links/:id'), route)
    assert.deepEqual(await lines('http_request_duration_seconds_count'), [
      'http_request_duration_seconds_count{method="GET",route="/api/v1/links/:id",status="200"} 2',
      'http_request_duration_seconds_count{method="GET",route="/api/v1/links/:id",status="404"} 1',
    ])
  })

  it('makes one series of every status that does not exist', async () => {
    const { metrics, lines } = setup()
    for (const status of [0, 99, 600, -1, Number.NaN, 1e9]) metrics.httpRoute('GET', '/').observe(status, 1)
    assert.deepEqual(await lines('http_request_duration_seconds_count'), [
      'http_request_duration_seconds_count{method="GET",route="/",status="0"} 6',
    ])
  })
})

describe('process metrics', () => {
  it('tell memory, CPU, event-loop delay and garbage collection under the usual names', async () => {
    using metrics = createMetrics()
    const text = await metrics.text()
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    assert.ok(value('process_resident_memory_bytes') > 10_000_000)
    assert.ok(value('process_cpu_seconds_total') > 0)
    assert.ok(value('nodejs_heap_size_used_bytes') > 1_000_000)
    assert.ok(Math.abs(value('process_start_time_seconds') - Date.now() / 1000) < 3600)
    for (const which of ['mean', 'p50', 'p99', 'max']) assert.ok(value(`nodejs_eventloop_lag_${which}_seconds`) >= 0)
    assert.match(text, /# TYPE nodejs_gc_duration_seconds histogram/)
  })

  it('grow with the work: CPU time only goes up', async () => {
    using metrics = createMetrics()
    const cpu = async () => Number(/^process_cpu_seconds_total (\S+)$/m.exec(await metrics.text())?.[1])
    const before = await cpu()
    const until = performance.now() + 20
    while (performance.now() < until);
    assert.ok((await cpu()) > before)
  })
})
