/*
 * Everything below `/t/<tenant>/`: its pages, and whatever else answers there. Who is asked in turn says whether it has
 * answered; when nobody has, there is nothing there.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TenantRecord } from '@stoa/db'
import type { Mount, MountCall } from '@stoa/http'
import { errors, StoaError } from '@stoa/kernel'

/** A request below a tenant. */
export interface TenantVisit {
  readonly tenant: TenantRecord
  /** What stands behind the tenant, without a slash in front: `sign-in`, `.well-known/openid-configuration`. */
  readonly path: string
  /** The address, with its query; its origin says nothing. */
  readonly url: URL
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly call: MountCall
}

/** Answers some of what is below a tenant. */
export interface TenantAnswerer {
  /** False: it is not mine, and nothing was done. */
  serve(visit: TenantVisit): Promise<boolean>
}

const PREFIX = '/t/'
const SLUG = /^[a-z][a-z0-9-]{2,39}$/
const BODY_MAX = 65_536

/** The mount of tenants. @param tenantOf the tenant of a slug; null when there is none */
export function tenantMount(
  tenantOf: (slug: string) => Promise<TenantRecord | null>,
  answerers: readonly TenantAnswerer[],
): Mount {
  return {
    prefix: PREFIX,
    bodyLimitBytes: BODY_MAX,
    async handle(request, response, call) {
      const url = URL.parse(request.url ?? '', 'http://stoa.invalid')
      const [slug = '', ...rest] = url?.pathname.slice(PREFIX.length).split('/') ?? []
      const tenant = SLUG.test(slug) ? await tenantOf(slug) : null
      if (url === null || tenant === null) throw new StoaError(errors.not_found)
      const visit: TenantVisit = { tenant, path: rest.join('/'), url, request, response, call }
      for (const answerer of answerers) if (await answerer.serve(visit)) return
      throw new StoaError(errors.not_found)
    },
  }
}
