/*
 * Spans through the API package alone. Without an SDK its spans do nothing and have no valid id; then no context is
 * entered either, and a span costs two calls. Whoever registers an SDK of their own, not ours, gets our spans too.
 */
import {
  type Attributes,
  type Context,
  context,
  createTraceState,
  INVALID_TRACEID,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { StoaError } from '@stoa/kernel'
import { redactText } from './redaction.ts'
import { readTraceparent, type TraceContext, writeTraceparent } from './trace-context.ts'

export type { Attributes, Span } from '@opentelemetry/api'

/** What a span stands for: work inside, an incoming request, an outgoing one, a message sent or received. */
export type SpanRole = 'internal' | 'server' | 'client' | 'producer' | 'consumer'

/** Options of {@link startSpan} and {@link withSpan}. */
export interface SpanOptions {
  /** Default `internal`. */
  readonly role?: SpanRole
  /** The caller's `traceparent` header: the span continues that trace instead of the one that is open here. */
  readonly traceparent?: string | undefined
  /** The caller's `tracestate` header; only with a valid `traceparent`. */
  readonly tracestate?: string | undefined
}

const KINDS: Readonly<Record<SpanRole, SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}

let tracer: Tracer | null = null

/** Forgets the tracer, when an SDK was registered or shut down. */
export function renewTracer(): void {
  tracer = null
}

/**
 * Starts a span that its caller ends with {@link endSpan}: for work that is no single function, such as a request that
 * goes through hooks. It is not entered: see {@link inSpan}.
 */
export function startSpan(name: string, attributes: Attributes, options: SpanOptions = {}): Span {
  tracer ??= trace.getTracer('stoa')
  const kind = KINDS[options.role ?? 'internal']
  const parent = options.traceparent === undefined ? undefined : remoteContext(options.traceparent, options.tracestate)
  return tracer.startSpan(name, { kind, attributes }, parent)
}

/** Runs `fn` with the span as the open one: spans started in it, also after an await, are its children. */
export function inSpan<T>(span: Span, fn: () => T): T {
  if (span.spanContext().traceId === INVALID_TRACEID) return fn()
  return context.with(trace.setSpan(context.active(), span), fn)
}

/**
 * Ends a span. A failure is recorded on it, except a refusal: a {@link StoaError} that is neither `internal` nor
 * `unavailable` is an answer, and only its code is noted.
 */
export function endSpan(span: Span, failure?: unknown): void {
  if (failure !== undefined && span.isRecording()) recordFailure(span, failure)
  span.end()
}

/**
 * Runs `fn` in a span that ends when it returns, throws, or its promise settles. Costs next to nothing when no SDK is
 * registered.
 *
 * @param name constant and of few kinds: `journal.append`, not one per id
 * @param attributes see the semantic conventions of OpenTelemetry; never a secret
 */
export function withSpan<T>(name: string, attributes: Attributes, fn: (span: Span) => T, options?: SpanOptions): T {
  const span = startSpan(name, attributes, options)
  if (span.spanContext().traceId === INVALID_TRACEID) return fn(span)
  let result: T
  try {
    result = inSpan(span, () => fn(span))
  } catch (failure) {
    endSpan(span, failure)
    throw failure
  }
  if (!(result instanceof Promise)) {
    span.end()
    return result
  }
  return result.then(
    (value) => {
      span.end()
      return value
    },
    (failure) => {
      endSpan(span, failure)
      throw failure
    },
  ) as T
}

/** Where we are in a trace: of `span`, by default of the open one. Null when nothing is traced. */
export function currentTrace(span: Span | undefined = trace.getActiveSpan()): TraceContext | null {
  if (!span) return null
  const { traceId, spanId, traceFlags } = span.spanContext()
  return traceId === INVALID_TRACEID ? null : { traceId, spanId, sampled: (traceFlags & 1) === 1 }
}

/**
 * Adds `traceparent` and `tracestate` of the open span to the headers of an outgoing request; none when nothing is
 * traced.
 */
export function injectTrace(headers: Record<string, string>): void {
  const span = trace.getActiveSpan()
  const at = currentTrace(span)
  if (!at) return
  headers.traceparent = writeTraceparent(at)
  const state = span?.spanContext().traceState?.serialize()
  if (state) headers.tracestate = state
}

function remoteContext(traceparent: string, tracestate: string | undefined): Context | undefined {
  const at = readTraceparent(traceparent)
  if (!at) return undefined
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: at.traceId,
    spanId: at.spanId,
    traceFlags: at.sampled ? 1 : 0,
    isRemote: true,
    ...(tracestate && { traceState: createTraceState(tracestate) }),
  })
}

function recordFailure(span: Span, failure: unknown): void {
  if (failure instanceof StoaError) {
    span.setAttribute('error.type', failure.code)
    if (failure.kind !== 'internal' && failure.kind !== 'unavailable') return
  }
  const cause = failure instanceof StoaError && failure.cause !== undefined ? failure.cause : failure
  const message = redactText(cause instanceof Error ? cause.message : String(cause))
  const name = cause instanceof Error ? cause.name : typeof cause
  span.recordException({ name, message, ...(cause instanceof Error && { stack: redactText(cause.stack ?? '') }) })
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}
