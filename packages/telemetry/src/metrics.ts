import { type Metric, Registry } from 'prom-client'
import { watchProcess } from './process-metrics.ts'
import {
  Counter,
  type CounterSpec,
  Gauge,
  type GaugeSpec,
  Histogram,
  type HistogramChild,
  type HistogramSpec,
} from './series.ts'

/** Measures one route; made once per route, so that a request costs an array lookup and an addition. */
export interface RouteMetrics {
  /**
   * Counts one finished request.
   *
   * @param status the HTTP status, 100–599; anything else is counted as 0
   * @param seconds how long it took
   */
  observe(status: number, seconds: number): void
}

/** The metrics of a program. */
export interface Metrics extends Disposable {
  /** prom-client's registry, for metrics of other libraries. */
  readonly registry: Registry
  /** The `Content-Type` of {@link Metrics.text}. */
  readonly contentType: string
  /** All metrics in the Prometheus text format. */
  text(): Promise<string>
  /** @throws Error when the name is taken, TypeError when it or a label is not a name */
  counter(spec: CounterSpec): Counter
  /** @throws as {@link Metrics.counter} */
  gauge(spec: GaugeSpec): Gauge
  /** @throws as {@link Metrics.counter}; RangeError when the buckets do not ascend */
  histogram(spec: HistogramSpec): Histogram
  /**
   * `http_request_duration_seconds{method,route,status}` of one route. The same arguments give the same object.
   *
   * @param route the pattern (`/api/v1/links/:id`), never the path that was asked for
   */
  httpRoute(method: string, route: string): RouteMetrics
  /** `http_requests_in_flight` */
  readonly httpInFlight: Gauge
}

/** Options of {@link createMetrics}. */
export interface MetricsOptions {
  /** Measure the process too: memory, CPU, event-loop delay, garbage collection. Default true. */
  readonly process?: boolean
}

/**
 * A registry of its own: two programs in one process (as in tests) do not share numbers. Dispose it to stop watching
 * the process.
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  const add = <M extends Counter | Gauge | Histogram>(metric: M): M => {
    // The registry asks a metric for `name` and `get()` and nothing else; its type names its own classes.
    registry.registerMetric(metric as unknown as Metric)
    return metric
  }
  const duration = add(
    new Histogram({
      name: 'http_request_duration_seconds',
      help: 'How long requests took, from the first byte to the end of the response.',
      labels: ['method', 'route', 'status'],
    }),
  )
  const routes = new Map<string, RouteMetrics>()
  const stop = options.process === false ? () => {} : watchProcess(add)
  return {
    registry,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    counter: (spec) => add(new Counter(spec)),
    gauge: (spec) => add(new Gauge(spec)),
    histogram: (spec) => add(new Histogram(spec)),
    httpInFlight: add(new Gauge({ name: 'http_requests_in_flight', help: 'Requests that are being answered.' })),
    httpRoute(method, route) {
      const name = `${method} ${route}`
      let found = routes.get(name)
      if (!found) {
        found = measureRoute(duration, method, route)
        routes.set(name, found)
      }
      return found
    },
    [Symbol.dispose]: stop,
  }
}

function measureRoute(duration: Histogram, method: string, route: string): RouteMetrics {
  const byStatus: (HistogramChild | undefined)[] = []
  return {
    observe(status, seconds) {
      const known = status >= 100 && status <= 599 ? Math.trunc(status) : 0
      let child = byStatus[known]
      if (!child) {
        child = duration.labels(method, route, known)
        byStatus[known] = child
      }
      child.observe(seconds)
    },
  }
}
