/*
 * What is known of a request when it is over: it is counted always, and logged when it matters. A log line per request
 * halves what a light route can do, so by default only failures (where they happen) and slow requests are logged; `all`
 * logs every one.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { pathOf } from './answers.ts'
import { isEventStream } from './event-stream.ts'
import type { RouteMeter } from './guard.ts'

/** How requests are logged. */
export interface AccessLogOptions {
  readonly accessLog: 'problems' | 'all'
  /** In milliseconds; 0: no request counts as slow. */
  readonly slowRequestMs: number
}

/** The `onResponse` hook. `unknownRoute` counts what matched no route. */
export function onResponse(options: AccessLogOptions, unknownRoute: RouteMeter) {
  const slowMs = options.slowRequestMs > 0 ? options.slowRequestMs : Number.POSITIVE_INFINITY
  const all = options.accessLog === 'all'
  return function finished(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    // Counted when it was opened, and open for as long as the caller likes.
    if (isEventStream(reply.raw)) {
      done()
      return
    }
    const ms = reply.elapsedTime
    const meter = request.meter ?? unknownRoute
    meter.observe(reply.raw.statusCode, ms / 1000)
    const slow = ms > slowMs && request.routeOptions.config.waits !== true
    if (all || slow) logRequest(request, reply, ms, slow)
    done()
  }
}

function logRequest(request: FastifyRequest, reply: FastifyReply, ms: number, slow: boolean): void {
  const bindings = {
    method: request.method,
    url: pathOf(request.url),
    status: reply.statusCode,
    ms: Math.round(ms * 10) / 10,
    ip: request.ip,
  }
  if (slow) request.ctx.log.warn(bindings, 'slow request')
  else request.ctx.log.info(bindings, 'request')
}
