/**
 * Following a short link: find where the code leads, note the click, answer. The click costs one push to an array; the
 * database is asked only for a code that this process has not seen in the last seconds.
 *
 *   unknown code ─▶ link_not_found      archived or expired ─▶ link_gone      otherwise ─▶ the target, and a click
 *
 * A click is a visit that is redirected. No click: HEAD, which follows nothing, and a prefetch, which nobody may ever
 * look at. A program that says so by its user agent counts apart, and so does one that sends none: every browser does.
 */
import { type Clock, newId, StoaError } from '@stoa/kernel'
import { isbot } from 'isbot'
import type { Clicks } from './clicks.ts'
import type { Destination, Destinations } from './destinations.ts'
import { linkErrors } from './errors.ts'

/** A request for a short address. */
export interface Visit {
  readonly host: string
  readonly code: string
  readonly method: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** What following a link takes. */
export interface RedirectsDeps {
  readonly destinations: Destinations
  readonly clicks: Clicks
  readonly clock: Clock
}

/** Longest part of a user agent that is looked at, in characters: the name stands in front. */
const USER_AGENT_MAX = 512
/** Longest referrer that is parsed, in characters. */
const REFERRER_MAX = 2048
const HOST_NAME_MAX = 253

/** Follows short links. */
export class Redirects {
  readonly #deps: RedirectsDeps

  constructor(deps: RedirectsDeps) {
    this.#deps = deps
  }

  /** The target of the link, the visit being noted; refuses with `link_not_found` or `link_gone`. */
  async follow(visit: Visit): Promise<string> {
    const destination = await this.#deps.destinations.find(visit.host, visit.code)
    if (destination === null) throw new StoaError(linkErrors.link_not_found)
    const now = this.#deps.clock.now()
    const expired = destination.expiresAt !== null && destination.expiresAt <= now
    if (destination.archived || expired) throw new StoaError(linkErrors.link_gone)
    if (visit.method !== 'HEAD' && !isPrefetch(visit.headers)) this.#note(destination, visit, now)
    return destination.target
  }

  #note({ tenant, linkId }: Destination, { headers }: Visit, now: number): void {
    const agent = single(headers['user-agent']).slice(0, USER_AGENT_MAX)
    this.#deps.clicks.record({
      id: newId(this.#deps.clock),
      tenant,
      linkId,
      at: now,
      bot: agent === '' || isbot(agent),
      referrerHost: referrerHost(single(headers.referer)),
    })
  }
}

/** A browser that loads a page before anybody asked for it says so in one of three ways. */
export function isPrefetch(headers: Visit['headers']): boolean {
  const purpose = single(headers['sec-purpose']) || single(headers.purpose) || single(headers['x-moz'])
  return purpose !== '' && /\b(prefetch|prerender|preview)\b/i.test(purpose.slice(0, 64))
}

/** The host of the page that held the link; null when there is none, or none that can be read. */
export function referrerHost(referrer: string): string | null {
  if (referrer === '' || referrer.length > REFERRER_MAX) return null
  const url = URL.parse(referrer)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null
  return url.hostname.length > HOST_NAME_MAX ? null : url.hostname
}

function single(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? ''
}
