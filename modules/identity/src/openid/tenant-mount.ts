/*
 * Everything below `/t/<tenant>/`: its pages, and whatever else answers there. Who is asked in turn says whether it has
 * answered; when nobody has, there is nothing there.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TenantRecord } from '@stoa/db'
import type { Mount, MountCall, RateLimit } from '@stoa/http'
import { errors, StoaError } from '@stoa/kernel'
import { isProgramPath } from './client-limits.ts'

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

/** What the mount stands on. */
export interface TenantMountDeps {
  /** The tenant of a slug; null when there is none. */
  readonly tenantOf: (slug: string) => Promise<TenantRecord | null>
  readonly answerers: readonly TenantAnswerer[]
  /** Of each address, for what programs ask: all those of a server have one. */
  readonly programLimit: RateLimit
}

/** The mount of tenants. */
export function tenantMount({ answerers, programLimit, tenantOf }: TenantMountDeps): Mount {
  return {
    prefix: PREFIX,
    lanes: [{ name: 'programs', rateLimit: programLimit, takes: isOfPrograms }],
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

function isOfPrograms(path: string): boolean {
  return isProgramPath(path.slice(path.indexOf('/', PREFIX.length) + 1))
}
