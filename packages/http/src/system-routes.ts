/*
 * What the process says of itself: /health/live, /health/ready and /metrics. They are not part of the API's contract,
 * need no key, and are answered also when the API sheds load. HEAD works as GET.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { errors, StoaError } from '@stoa/kernel'
import type { Health, Metrics } from '@stoa/telemetry'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { bearerToken } from './auth.ts'
import type { RouteMeter } from './guard.ts'

/** What the routes tell of. */
export interface SystemRoutesDeps {
  readonly health: Health | null
  readonly metrics: Metrics | null
  readonly metricsToken: string | null
  readonly inFlight: () => number
  readonly meterOf: (method: string, url: string) => RouteMeter
}

/** Registers them. */
export function serveSystem(app: FastifyInstance, deps: SystemRoutesDeps): void {
  const { health, metrics } = deps
  const measured = (url: string) => {
    const meter = deps.meterOf('GET', url)
    return (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => {
      request.meter = meter
      done()
    }
  }
  app.get('/health/live', { onRequest: measured('/health/live') }, async () => health?.live() ?? { ok: true })
  app.get('/health/ready', { onRequest: measured('/health/ready') }, async (_request, reply) => {
    const state = (await health?.ready()) ?? { ok: true }
    return reply.code(state.ok ? 200 : 503).send(state)
  })
  if (metrics === null) return
  app.get('/metrics', { onRequest: measured('/metrics') }, async (request, reply) => {
    requireToken(request, reply, deps.metricsToken)
    metrics.httpInFlight.set(deps.inFlight())
    return reply.header('content-type', metrics.contentType).send(await metrics.text())
  })
}

function requireToken(request: FastifyRequest, reply: FastifyReply, token: string | null): void {
  if (token === null) return
  const given = bearerToken(request.headers)
  const digest = (text: string) => hash('sha256', text, 'buffer')
  if (given !== null && timingSafeEqual(digest(given), digest(token))) return
  reply.header('www-authenticate', 'Bearer realm="metrics"')
  throw new StoaError(errors.unauthenticated)
}
