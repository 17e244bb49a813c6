/*
 * What an application answers, read off the application itself: a check that every endpoint is guarded must not trust a
 * list that somebody keeps.
 */
import type { FastifyInstance, HTTPMethods } from 'fastify'

/** A path that is answered. */
export interface Endpoint {
  /** `ANY` for a mount. */
  readonly method: string
  /** As in the OpenAPI document: `/api/v1/links/{id}`; for a mount `/t/*`. */
  readonly path: string
  /** null: no permission is asked for. */
  readonly permission: string | null
}

/** Collects the endpoints that are registered from now on. HEAD and OPTIONS, which go with the others, are left out. */
export function collectEndpoints(app: FastifyInstance): readonly Endpoint[] {
  const endpoints: Endpoint[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.mount) {
      const path = url
      if (!endpoints.some((endpoint) => endpoint.path === path))
        endpoints.push({ method: 'ANY', path, permission: null })
      return
    }
    const methods: readonly HTTPMethods[] = Array.isArray(method) ? method : [method as HTTPMethods]
    const path = url.replace(/:(\w+)/g, '{$1}')
    for (const one of methods) {
      if (one !== 'HEAD' && one !== 'OPTIONS')
        endpoints.push({ method: one, path, permission: config?.permission ?? null })
    }
  })
  return endpoints
}
