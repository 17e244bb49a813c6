/*
 * What a request of Fastify carries beyond its own: the context, and the parts of the request that a handler is
 * promised. `page` and `ifMatch` are read when they are asked for, so that a route without them pays nothing.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Cursors } from './cursor.ts'
import { IfMatch } from './etag.ts'
import type { RouteMeter } from './guard.ts'
import { type PageRequest, pageRequest } from './pagination.ts'
import type { RequestCtx } from './request-ctx.ts'
import type { Dialect } from './route.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    operationId?: string
    permission?: string | null
    textBody?: boolean
    formBody?: boolean
    /** What answers is a {@link Mount}. */
    mount?: boolean
    dialect?: Dialect
    /** See {@link RouteSpec.waits}. */
    waits?: boolean
  }
  interface FastifyRequest {
    /** The context of the request; inside a tenant once the guard has let it pass. */
    ctx: RequestCtx
    /** Where the route is counted; null for an unknown route. */
    meter: RouteMeter | null
    /** The precondition; null when none was sent. */
    readonly ifMatch: IfMatch | null
    /** The page that was asked for, on a route with `list`. */
    readonly page: PageRequest
  }
}

/** Adds them. */
export function useRequestExtras(app: FastifyInstance, cursors: Cursors): void {
  app.decorateRequest('ctx', null as never)
  app.decorateRequest('meter', null)
  app.decorateRequest('ifMatch', {
    getter(this: FastifyRequest) {
      const header = this.headers['if-match']
      return header === undefined ? null : IfMatch.parse(header)
    },
  })
  app.decorateRequest('page', {
    getter(this: FastifyRequest) {
      const { operationId } = this.routeOptions.config
      return pageRequest(cursors, operationId ?? '', this.ctx.tenant?.id ?? '', this.query as Record<string, unknown>)
    },
  })
}
