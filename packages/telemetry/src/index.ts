export {
  type Check,
  type CheckReport,
  type CheckResult,
  createHealth,
  type Health,
  type HealthOptions,
  type Liveness,
  type Readiness,
} from './health.ts'
export { createLogger, type LoggerOptions, type LogLevel, type RootLogger } from './logger.ts'
export { createMetrics, type Metrics, type MetricsOptions, type RouteMetrics } from './metrics.ts'
export type { LineWriter } from './pretty.ts'
export { isSecretName, REDACTED, redact, redactText } from './redaction.ts'
export {
  type Counter,
  type CounterChild,
  type CounterSpec,
  type Gauge,
  type GaugeChild,
  type GaugeSpec,
  type Histogram,
  type HistogramChild,
  type HistogramSpec,
  type MetricSpec,
  SECONDS,
} from './series.ts'
export {
  type Attributes,
  currentTrace,
  endSpan,
  injectTrace,
  inSpan,
  type Span,
  type SpanOptions,
  type SpanRole,
  startSpan,
  withSpan,
} from './spans.ts'
export { readTraceparent, type TraceContext, writeTraceparent } from './trace-context.ts'
export { type Env, startTracing, type Tracing, type TracingOptions, tracingWanted } from './tracing.ts'
