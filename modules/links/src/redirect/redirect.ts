/**
 * Following a short link: find where the code leads, note the click, answer. The click costs one push to an array; the
 * database is asked only for a code that this process does not know.
 *
 *   unknown code, or before its beginning ─▶ link_not_found
 *   archived, expired, visits used up ─────▶ link_gone
 *   taken down ────────────────────────────▶ link_taken_down, with the reason
 *   otherwise ─────────────────────────────▶ the target, and a click
 *
 * A click is a visit that is redirected. No click: HEAD, which follows nothing, and a prefetch, which nobody may ever
 * look at. A program that says so by its user agent counts apart, and so does one that sends none: every browser does.
 *
 * A link with a maximum of visits tells its target to nobody without counting. So whoever would follow it without
 * meaning to (a preview, a link checker, a prefetch) is told that it is there, and no more.
 *
 * A link that leads somewhere is answered on a lane (see `Lane` in @stoa/http), everything else by the route. Both go
 * through the same functions here.
 */
import type { Lane, LaneRequest } from '@stoa/http'
import { type Clock, StoaError } from '@stoa/kernel'
import type { Geo } from '../analytics/geo.ts'
import type { Orphans } from '../analytics/orphans.ts'
import { type VisitFacts, Visitor } from '../analytics/visitor.ts'
import { isPrefetch, isPrivate, type VisitHeaders, type Visitors } from '../analytics/visitors.ts'
import type { Clicks } from '../clicks/clicks.ts'
import { meantCode } from '../codes/readable-code.ts'
import { DEFAULT_HOST } from '../domains/short-host.ts'
import type { ShortHosts } from '../domains/short-hosts.ts'
import { linkErrors } from '../errors.ts'
import type { RedirectStatus } from '../link-store.ts'
import { takenDown } from '../safety/takedown.ts'
import type { Destination, Destinations } from '../targets/destinations.ts'
import { searchOf, type VisitQuery, withQuery } from './forwarded-query.ts'
import type { LinkPasswords } from './link-password.ts'
import { type Card, makesPreviews } from './preview-card.ts'
import type { Routing } from './routing.ts'
import type { VisitLimit } from './visit-limit.ts'

/** A request for a short address. */
export interface Visit {
  /** The namespace of its code. */
  readonly space: string
  readonly code: string
  readonly method: string
  readonly headers: VisitHeaders
  readonly query: VisitQuery
  /** The visitor's. */
  readonly address: string
  /** The password that the visitor says now; default: none. */
  readonly password?: string
}

/**
 * What becomes of a visit:
 *
 * - `redirect`; with a cookie for who has just said the password
 * - `held`: nothing, because it would use up a visit that nobody makes
 * - `password`: it is asked for; or what was said is wrong
 * - `card`: a program gets what a preview is to show
 */
export type Followed =
  | {
      readonly kind: 'redirect'
      readonly target: string
      readonly status: RedirectStatus
      readonly cookie: string | null
    }
  | { readonly kind: 'held' }
  | { readonly kind: 'password'; readonly wrong: boolean }
  | { readonly kind: 'card'; readonly card: Card }

/** What following a link takes. */
export interface RedirectsDeps {
  readonly destinations: Destinations
  readonly visitors: Visitors
  readonly clicks: Clicks
  readonly orphans: Orphans
  readonly limit: VisitLimit
  readonly clock: Clock
  readonly geo: Geo
  readonly hosts: ShortHosts
  readonly passwords: LinkPasswords
  /** The address of a code on a short host. */
  readonly shortUrl: (host: string, code: string) => string
}

/** What every redirect says beside its target: it is stale at once, so a change holds from the next click on. */
export const REDIRECT_HEADERS = {
  'cache-control': 'private, max-age=0',
  'referrer-policy': 'strict-origin-when-cross-origin',
} as const

/** The header fields of a visit that are looked at on the lane. */
const LANE_READS = [
  ...['user-agent', 'referer', 'accept-language'],
  ...['sec-purpose', 'purpose', 'x-moz', 'sec-gpc', 'dnt'],
]

/** Follows short links. */
export class Redirects {
  readonly #deps: RedirectsDeps
  #clicks = 0

  constructor(deps: RedirectsDeps) {
    this.#deps = deps
  }

  /**
   * Where the link leads, the visit being noted; refuses with `link_not_found`, `link_gone` or `link_taken_down`, and attempts at a password
   * with `rate_limited` or `overloaded`.
   */
  async follow(visit: Visit): Promise<Followed> {
    const { address, code, headers, method, query, space } = visit
    const { clock, destinations, limit, orphans, visitors } = this.#deps
    const meant = meantCode(code)
    const destination =
      (await destinations.find(space, code)) ?? (meant === null ? null : await destinations.find(space, meant))
    const now = clock.now()
    if (destination !== null && destination.takedown !== null) throw takenDown(destination.takedown)
    if (destination === null || now < destination.startsAt) {
      if (method !== 'HEAD') orphans.note(space, code)
      throw new StoaError(linkErrors.link_not_found)
    }
    if (!leads(destination, now)) throw new StoaError(linkErrors.link_gone)
    const { card } = destination
    if (card !== null && makesPreviews(headers['user-agent'])) return { kind: 'card', card }
    const passed = await this.#passes(destination, visit, now)
    if (typeof passed === 'object' && passed !== null) return passed
    if (destination.limited) {
      if (method === 'HEAD' || isPrefetch(headers) || visitors.agent(headers['user-agent']).isBot)
        return { kind: 'held' }
      const passes = await limit.pass(destination.tenant, destination.linkId)
      if (!passes) throw new StoaError(linkErrors.link_gone)
    }
    if (method !== 'HEAD') this.#note(destination, headers, address, now)
    const { forwardsQuery, routing, status } = destination
    const facts = () => ({ at: now, address, ...textsOf(headers), query: searchOf(query) })
    const target = routing === null ? destination.target : this.#routed(routing, facts)
    return { kind: 'redirect', status, target: forwardsQuery ? withQuery(target, query) : target, cookie: passed }
  }

  /** The short address of a code, on the host that is asked. */
  shortUrl(host: string, code: string): string {
    const isOwn = this.#deps.hosts.placeOf(host).space === DEFAULT_HOST
    return this.#deps.shortUrl(isOwn ? '' : host, code)
  }

  /** Whether the visitor knows the password, if there is one: the cookie for who has just said it; else what to do. */
  async #passes(
    { linkId, password }: Destination,
    { address, headers, password: said }: Visit,
    now: number,
  ): Promise<string | null | Followed> {
    if (password === null) return null
    const { passwords } = this.#deps
    const guarded = { linkId, password }
    if (said === undefined) {
      return passwords.remembers(guarded, headers.cookie, now) ? null : { kind: 'password', wrong: false }
    }
    if (!(await passwords.check(guarded, said, address))) return { kind: 'password', wrong: true }
    return passwords.cookie(guarded, now)
  }

  /** The lane of links that lead somewhere. */
  lane(prefix: string): Lane {
    const { clock, destinations, hosts } = this.#deps
    const usual = (found: Destination | null, { headers, url }: LaneRequest) =>
      found !== null &&
      (alwaysLeads(found) || leads(found, clock.now())) &&
      !found.limited &&
      found.password === null &&
      !(found.forwardsQuery && url?.includes('?')) &&
      !(found.card !== null && makesPreviews(headers['user-agent']))
        ? found
        : null
    return {
      prefix,
      reads: LANE_READS,
      headers: REDIRECT_HEADERS,
      field: 'location',
      find(code, host, request) {
        const space = host === null ? DEFAULT_HOST : hosts.placeOf(host).space
        const found = destinations.find(space, code)
        return found instanceof Promise ? found.then((late) => usual(late, request)) : usual(found, request)
      },
      answer: (destination: Destination, request, address, reply) => {
        const { routing, status } = destination
        const now = clock.now()
        const target = routing === null ? destination.target : this.#routedVisit(routing, request, address, now)
        reply.send(status, target)
        // Not before it is sent: what cannot be said is no click.
        this.#note(destination, request.headers, address, now)
      },
    }
  }

  #routedVisit(routing: Routing, request: LaneRequest, address: string, at: number): string {
    return this.#routed(routing, () => ({ at, address, ...textsOf(request.headers), query: queryOf(request) }))
  }

  #routed(routing: Routing, facts: () => VisitFacts): string {
    return routing.choose(new Visitor(facts, this.#deps.geo)).target
  }

  /** The click holds what is remembered anyway, and the address until it is written: nothing is taken apart here. */
  #note({ link, tenant }: Destination, headers: VisitHeaders, address: string, at: number): void {
    if (isPrefetch(headers)) return
    const { clicks, visitors } = this.#deps
    this.#clicks = (this.#clicks + 1) >>> 0
    const hides = isPrivate(headers)
    clicks.record({
      number: this.#clicks,
      tenant,
      link,
      at,
      agent: visitors.agent(headers['user-agent']),
      referrerHost: hides ? null : visitors.referrerHost(headers.referer),
      language: hides ? null : visitors.language(headers['accept-language']),
      address: hides ? null : address,
    })
  }
}

function textsOf(headers: VisitHeaders) {
  const text = (value: string | string[] | undefined) => (typeof value === 'object' ? value.join(',') : value) ?? ''
  return { userAgent: text(headers['user-agent']), acceptLanguage: text(headers['accept-language']) }
}

function queryOf({ url = '' }: LaneRequest): URLSearchParams {
  const question = url.indexOf('?')
  return new URLSearchParams(question < 0 ? '' : url.slice(question + 1))
}

function alwaysLeads({ endsAt, startsAt }: Destination): boolean {
  return startsAt === Number.NEGATIVE_INFINITY && endsAt === Number.POSITIVE_INFINITY
}

function leads({ endsAt, startsAt }: Destination, now: number): boolean {
  return startsAt <= now && now < endsAt
}
