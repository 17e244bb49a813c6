/*
 * Everything below `/t/<tenant>/`, and at the host of a tenant's own where its issuer is: its pages, and whatever else
 * answers there. Who is asked in turn says whether it has answered; when nobody has, there is nothing there: people get a
 * page that says so, programs a problem.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TenantRecord } from '@stoa/db'
import type { Mount, MountCall, RateLimit } from '@stoa/http'
import { errors, StoaError } from '@stoa/kernel'
import { type IssuerPlaces, pagesPath } from '../hosts/issuer-places.ts'
import { isProgramPath } from './client-limits.ts'

/** Where a request is for. */
interface PagePlace {
  /** What stands before the paths there: `/t/acme`; nothing at a host of the tenant's own. */
  readonly base: string
  /** `https://stoa.example.org/t/acme`, or `https://id.acme.example` */
  readonly address: string
  /**
   * It is a host of the tenant's own. Whoever has its DNS can put another server there; so nothing that is begun there
   * counts anywhere but in this tenant.
   */
  readonly isOwnHost: boolean
}

/** A request below a tenant. */
export interface TenantVisit {
  readonly tenant: TenantRecord
  readonly at: PagePlace
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

/** What somebody sees who has come to an address where nothing is. */
interface LostPages {
  /** In the look of the tenant. */
  lostIn(visit: TenantVisit): Promise<void>
  /** Of a tenant that there is not. */
  lostOutside(request: IncomingMessage, response: ServerResponse): void
}

const PREFIX = '/t/'
const SLUG = /^[a-z][a-z0-9-]{2,39}$/
const BODY_MAX = 65_536

/** What the mount stands on. */
export interface TenantMountDeps {
  /** The tenant of a slug; null when there is none. */
  readonly tenantOf: (slug: string) => Promise<TenantRecord | null>
  readonly places: IssuerPlaces
  readonly answerers: readonly TenantAnswerer[]
  /** Shows a browser that there is nothing here. */
  readonly lost: LostPages
  /** Of each address, for what programs ask: all those of a server have one. */
  readonly programLimit: RateLimit
}

/** The mount of tenants. */
export function tenantMount({ answerers, lost, places, programLimit, tenantOf }: TenantMountDeps): Mount {
  return {
    prefix: PREFIX,
    hosts(host) {
      const place = places.at(host)
      return place === undefined ? null : pagesPath(place.tenantSlug)
    },
    lanes: [{ name: 'programs', rateLimit: programLimit, takes: isOfPrograms }],
    bodyLimitBytes: BODY_MAX,
    async handle(request, response, call) {
      const asked = askedFor(request.url ?? '', call, places)
      const tenant = asked && SLUG.test(asked.slug) ? await tenantOf(asked.slug) : null
      const isBrowser = wantsPage(request)
      if (asked === null || tenant === null) {
        if (isBrowser) return lost.lostOutside(request, response)
        throw new StoaError(errors.not_found)
      }
      const visit: TenantVisit = { ...asked, tenant, request, response, call }
      for (const answerer of answerers) if (await answerer.serve(visit)) return
      if (isBrowser) return lost.lostIn(visit)
      throw asked.path === '' ? bareIssuer(visit) : new StoaError(errors.not_found)
    },
  }
}

/** Whether a page is asked for: as browsers do when somebody follows a link or types an address. */
export function wantsPage({ headers, method }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && /\btext\/html\b/i.test(headers.accept ?? '')
}

/** The name of an issuer is an address, and who asks it wants to know where it goes on. */
function bareIssuer({ at }: TenantVisit): StoaError {
  const message = `This is the name of an issuer. What it can do: ${at.address}/.well-known/openid-configuration`
  return new StoaError(errors.not_found, { message })
}

interface Asked extends Pick<TenantVisit, 'at' | 'path' | 'url'> {
  readonly slug: string
}

/** What is asked for; null: nothing is there. */
function askedFor(target: string, { base, host }: MountCall, places: IssuerPlaces): Asked | null {
  if (base !== null) {
    const place = places.at(host)
    const url = URL.parse(`http://stoa.invalid${target.slice(base.length)}`)
    if (url === null || !place?.active || pagesPath(place.tenantSlug) !== base) return null
    const at = { base: '', address: places.addressOf(place.host), isOwnHost: true }
    return { slug: place.tenantSlug, path: url.pathname.slice(1), url, at }
  }
  const url = URL.parse(target, 'http://stoa.invalid')
  const [slug = '', ...rest] = url?.pathname.slice(PREFIX.length).split('/') ?? []
  const at = { base: pagesPath(slug), address: places.pagesOf(slug), isOwnHost: false }
  return url && { slug, path: rest.join('/'), url, at }
}

function isOfPrograms(path: string): boolean {
  return isProgramPath(path.slice(path.indexOf('/', PREFIX.length) + 1))
}
