/*
 * A span for each request, when tracing is on. It is begun by the root hook and entered there, so that what the request
 * does (its SQL, its handler) are its children, and ended when the answer is out.
 */
import { currentTrace, endSpan, inSpan, type Span, startSpan } from '@stoa/telemetry'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { pathOf } from './answers.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The request's span; null when tracing is off. */
    span: Span | null
  }
}

/** Begins the span of a request. Gives its trace id, or null when this trace is not recorded. */
export function beginSpan(request: FastifyRequest): string | null {
  const { traceparent, tracestate } = request.headers
  const { url: route } = request.routeOptions
  const span = startSpan(
    route === undefined ? request.method : `${request.method} ${route}`,
    {
      'http.request.method': request.method,
      'url.path': pathOf(request.url),
      'client.address': request.ip,
      ...(route !== undefined && { 'http.route': route }),
    },
    {
      role: 'server',
      traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      tracestate: typeof tracestate === 'string' ? tracestate : undefined,
    },
  )
  request.span = span
  return currentTrace(span)?.traceId ?? null
}

/** Goes on inside the request's span. */
export function enterSpan(request: FastifyRequest, next: () => void): void {
  if (request.span === null) next()
  else inSpan(request.span, next)
}

/** Ends the spans of answered requests. */
export function useSpans(app: FastifyInstance): void {
  app.decorateRequest('span', null)
  app.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const { span } = request
    if (span !== null) {
      span.setAttribute('http.response.status_code', reply.statusCode)
      endSpan(span, reply.statusCode >= 500 ? new Error(`answered ${reply.statusCode}`) : undefined)
    }
    done()
  })
}
