/*
 * Tracing is on when the standard variables of OpenTelemetry say so, and otherwise nothing of the SDK is loaded (it
 * costs about 10 MB and 100 ms). The decision, the address, the sampler, the batches and the resource are read from the
 * record that is passed in; only what is rarer (client certificates) is left to the exporter, which reads the process's
 * own environment.
 */
import { context, DiagLogLevel, diag, trace } from '@opentelemetry/api'
import { type Clock, errors, type Logger, readEnv, StoaError, silentLogger, systemClock } from '@stoa/kernel'
import { renewTracer } from './spans.ts'

/** Environment variables. */
export type Env = Readonly<Record<string, string | undefined>>

/** Options of {@link startTracing}. */
export interface TracingOptions {
  /** The service's name when `OTEL_SERVICE_NAME` is not set. Default `stoa`. */
  readonly serviceName?: string
  /** The service's version. Default none. */
  readonly serviceVersion?: string
  /** Told when spans cannot be delivered. Default: nobody. */
  readonly log?: Logger
  /**
   * How long the last spans may take on dispose, in milliseconds. The exporter alone would try for 10 s to reach a
   * collector that is away, and hold every shutdown up. At least 1; default 2000.
   */
  readonly closeTimeoutMs?: number
  /** Measures that time. Default: the machine's clock. */
  readonly clock?: Clock
}

/**
 * A running (or switched off) tracing. Dispose it to send what is left; it gives up after `closeTimeoutMs`. Neither
 * rejects.
 */
export interface Tracing extends AsyncDisposable {
  /** Whether spans are sent. */
  readonly enabled: boolean
  /** Sends what is waiting. */
  flush(): Promise<void>
}

const spec = {
  OTEL_SDK_DISABLED: { type: 'boolean', default: false },
  OTEL_TRACES_EXPORTER: { type: 'enum', values: ['otlp', 'console', 'none'], optional: true },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    type: 'string',
    optional: true,
    pattern: /^https?:\/\//,
    patternHint: 'an http(s) address',
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    type: 'string',
    optional: true,
    pattern: /^https?:\/\//,
    patternHint: 'an http(s) address',
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: { type: 'enum', values: ['http/protobuf', 'http/json'], default: 'http/protobuf' },
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: { type: 'enum', values: ['http/protobuf', 'http/json'], optional: true },
  OTEL_EXPORTER_OTLP_HEADERS: { type: 'string', optional: true, secret: true },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: { type: 'string', optional: true, secret: true },
  OTEL_EXPORTER_OTLP_TIMEOUT: { type: 'integer', default: 10_000, min: 1 },
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: { type: 'integer', optional: true, min: 1 },
  OTEL_TRACES_SAMPLER: {
    type: 'enum',
    values: [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    default: 'parentbased_always_on',
  },
  OTEL_TRACES_SAMPLER_ARG: { type: 'number', default: 1, min: 0, max: 1 },
  OTEL_BSP_SCHEDULE_DELAY: { type: 'integer', default: 5000, min: 1 },
  OTEL_BSP_MAX_QUEUE_SIZE: { type: 'integer', default: 2048, min: 1 },
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: { type: 'integer', default: 512, min: 1 },
  OTEL_BSP_EXPORT_TIMEOUT: { type: 'integer', default: 30_000, min: 1 },
  OTEL_SERVICE_NAME: { type: 'string', optional: true },
  OTEL_RESOURCE_ATTRIBUTES: { type: 'string', optional: true },
} as const

type Settings = ReturnType<typeof readSettings>

function readSettings(env: Env) {
  return readEnv(env, spec, {
    relations: [
      (o) =>
        o.OTEL_BSP_MAX_EXPORT_BATCH_SIZE <= o.OTEL_BSP_MAX_QUEUE_SIZE
          ? null
          : 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE must not be above OTEL_BSP_MAX_QUEUE_SIZE',
    ],
  })
}

/**
 * Whether the standard variables ask for traces: an exporter is named, or an OTLP address is set; and neither
 * `OTEL_SDK_DISABLED=true` nor `OTEL_TRACES_EXPORTER=none`.
 */
export function tracingWanted(env: Env): boolean {
  const set = (name: string) => (env[name]?.trim() ?? '') !== ''
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return false
  if (set('OTEL_TRACES_EXPORTER')) return env.OTEL_TRACES_EXPORTER?.trim() !== 'none'
  return set('OTEL_EXPORTER_OTLP_ENDPOINT') || set('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
}

const off: Tracing = Object.freeze({ enabled: false, flush: async () => {}, [Symbol.asyncDispose]: async () => {} })

/**
 * Starts sending spans when the environment asks for it. Otherwise nothing is loaded and nothing is done.
 *
 * @param env usually `process.env`, passed in by the program
 * @throws StoaError `invalid_environment` when tracing is wanted and a variable cannot be understood; `conflict` when
 * another SDK is
 *   registered in this process
 */
export async function startTracing(env: Env, options: TracingOptions = {}): Promise<Tracing> {
  if (!tracingWanted(env)) return off
  const settings = readSettings(env)
  const log = options.log ?? silentLogger
  const [sdk, { AsyncLocalStorageContextManager }, resources, exporter] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/resources'),
    openExporter(settings),
  ])
  const provider = new sdk.TracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes(resourceAttributes(settings, options))),
    sampler: samplerOf(sdk, settings),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: settings.OTEL_BSP_SCHEDULE_DELAY,
        maxQueueSize: settings.OTEL_BSP_MAX_QUEUE_SIZE,
        maxExportBatchSize: settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
        exportTimeoutMillis: settings.OTEL_BSP_EXPORT_TIMEOUT,
      }),
    ],
  })
  if (!trace.setGlobalTracerProvider(provider)) {
    await provider.shutdown()
    throw new StoaError(errors.conflict, { message: 'another tracing SDK is registered in this process' })
  }
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  diag.setLogger(complaints(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  renewTracer()
  return running(provider, { log, clock: options.clock ?? systemClock, closeTimeoutMs: options.closeTimeoutMs ?? 2000 })
}

interface Provider {
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

function running(provider: Provider, deps: { log: Logger; clock: Clock; closeTimeoutMs: number }): Tracing {
  // Spans that are lost are a matter for the log, not a failure of the program.
  const lost = (err: unknown) => deps.log.warn({ err }, 'tracing: spans could not be sent')
  let closing: Promise<void> | null = null
  const close = async () => {
    const done = new AbortController()
    const deadline = deps.clock.sleep(deps.closeTimeoutMs, done.signal).then(
      () => lost(new Error(`not sent within ${deps.closeTimeoutMs} ms`)),
      () => {},
    )
    await Promise.race([provider.shutdown().catch(lost), deadline])
    done.abort()
    trace.disable()
    context.disable()
    diag.disable()
    renewTracer()
  }
  return {
    enabled: true,
    flush: () => provider.forceFlush().catch(lost),
    [Symbol.asyncDispose]: () => {
      closing ??= close()
      return closing
    },
  }
}

async function openExporter(settings: Settings) {
  if (settings.OTEL_TRACES_EXPORTER === 'console') {
    const { ConsoleSpanExporter } = await import('@opentelemetry/sdk-trace')
    return new ConsoleSpanExporter()
  }
  const headers = settings.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? settings.OTEL_EXPORTER_OTLP_HEADERS
  const config = {
    url: addressOf(settings),
    timeoutMillis: settings.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? settings.OTEL_EXPORTER_OTLP_TIMEOUT,
    ...(headers !== undefined && { headers: keyValues(headers) }),
  }
  const json = (settings.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? settings.OTEL_EXPORTER_OTLP_PROTOCOL) === 'http/json'
  const { OTLPTraceExporter } = await (json
    ? import('@opentelemetry/exporter-trace-otlp-http')
    : import('@opentelemetry/exporter-trace-otlp-proto'))
  return new OTLPTraceExporter(config)
}

/**
 * The general address gets the path of the signal, the particular one is taken as it is (OTLP exporter specification).
 */
function addressOf(settings: Settings): string {
  const own = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  if (own !== undefined) return own
  return `${(settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? 'http://localhost:4318').replace(/\/+$/, '')}/v1/traces`
}

function samplerOf(sdk: typeof import('@opentelemetry/sdk-trace'), settings: Settings) {
  const [, parentBased, rule] = /^(parentbased_)?(.*)$/.exec(settings.OTEL_TRACES_SAMPLER) ?? []
  const ratio = settings.OTEL_TRACES_SAMPLER_ARG
  const root =
    rule === 'always_off'
      ? new sdk.AlwaysOffSampler()
      : rule === 'traceidratio'
        ? new sdk.TraceIdRatioBasedSampler(ratio)
        : new sdk.AlwaysOnSampler()
  return parentBased ? new sdk.ParentBasedSampler({ root }) : root
}

function resourceAttributes(settings: Settings, options: TracingOptions): Record<string, string> {
  const given = keyValues(settings.OTEL_RESOURCE_ATTRIBUTES ?? '')
  return {
    ...(options.serviceVersion !== undefined && { 'service.version': options.serviceVersion }),
    ...given,
    'service.name': settings.OTEL_SERVICE_NAME ?? given['service.name'] ?? options.serviceName ?? 'stoa',
  }
}

/** `a=1,b=x%20y` as the variables of OpenTelemetry write lists; what is not a pair is passed over. */
function keyValues(list: string): Record<string, string> {
  const pairs: [string, string][] = []
  for (const part of list.split(',')) {
    const equals = part.indexOf('=')
    if (equals <= 0) continue
    pairs.push([part.slice(0, equals).trim(), decoded(part.slice(equals + 1).trim())])
  }
  return Object.fromEntries(pairs)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function complaints(log: Logger) {
  const write = (level: 'warn' | 'error') => (message: string, details: unknown) =>
    log[level]({ details }, `tracing: ${message}`)
  return { error: write('error'), warn: write('warn'), info() {}, debug() {}, verbose() {} }
}
