/*
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): the two headers by which a trace goes from one program to
 * the next. Read and written here without any SDK, so that the trace id of a caller is in our logs though we send no
 * spans.
 */

/** A position in a trace. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero: the span of the caller. */
  readonly spanId: string
  /** Whether the caller records this trace. */
  readonly sampled: boolean
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

/**
 * Reads a `traceparent` header. Null for anything that is not one: a broken header starts a new trace and is never an
 * error. A version above 00 is read by its known beginning, as the standard asks.
 */
export function readTraceparent(header: unknown): TraceContext | null {
  if (typeof header !== 'string' || header.length < 55 || header.length > 512) return null
  const match = TRACEPARENT.exec(header)
  if (!match) return null
  const [, version = '', traceId = '', spanId = '', flags = '', more] = match
  if (version === 'ff' || (version === '00' && more !== undefined)) return null
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** The `traceparent` header of a position in a trace, version 00. */
export function writeTraceparent(at: TraceContext): string {
  return `00-${at.traceId}-${at.spanId}-${at.sampled ? '01' : '00'}`
}
