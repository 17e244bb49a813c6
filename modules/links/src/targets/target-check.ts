/**
 * What becomes of whoever follows a link: whether the target answers, and where one ends up. The target was judged when the
 * link was made (target-url.ts); what its owner has done with it since, only a visit tells.
 */
import { type Fetched, type Fetcher, OutboundError, type OutboundFault, type PageInfo, pageInfo } from '@stoa/outbound'
import type { IsBlocked } from '../safety/blocklist.ts'

/** What a visit of a target came to. */
export interface TargetCheck {
  /**
   * `moved`: it answers on another host; `broken`: it answers with an error, or not at all; `private`: it leads into a
   * private network; `blocked`: it, or where it leads, is on the list.
   */
  readonly outcome: 'ok' | 'moved' | 'broken' | 'private' | 'blocked'
  /** Of the last answer; null: there was none. */
  readonly status: number | null
  /** Why there was none. */
  readonly fault: OutboundFault | null
  /** The host where one ends up. */
  readonly host: string | null
  /** What the page says of itself; null when it is no page. */
  readonly page: PageInfo | null
}

/** Answers that say that a program was sent away, and nothing of the page. */
const SENT_AWAY = new Set([401, 403, 405, 406, 407, 429, 451, 503])

/** Visits a target. Rejects when the signal aborts, and else never. */
export async function checkTarget(
  fetcher: Fetcher,
  isBlocked: IsBlocked,
  target: string,
  signal: AbortSignal,
): Promise<TargetCheck> {
  const nothing = { status: null, fault: null, host: null, page: null }
  if (isBlocked(hostOf(target))) return { ...nothing, outcome: 'blocked', host: hostOf(target) }
  try {
    const found = await fetcher(target, { signal, headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } })
    const host = hostOf(found.url)
    const answered = { status: found.status, fault: null, host, page: pageOf(found) }
    const hosts = [...found.redirects.map(hostOf), host]
    if (hosts.some(isBlocked)) return { ...answered, outcome: 'blocked' }
    if (found.status >= 400 && !SENT_AWAY.has(found.status)) return { ...answered, outcome: 'broken' }
    return { ...answered, outcome: isSameSite(host, hostOf(target)) ? 'ok' : 'moved' }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OutboundError)) throw error
    const { fault, url } = error
    return { ...nothing, outcome: fault === 'private' ? 'private' : 'broken', fault, host: hostOf(url) }
  }
}

function hostOf(url: string): string {
  return (URL.parse(url)?.hostname ?? '').replace(/\.$/, '')
}

/** A site with `www.` and without are one. */
function isSameSite(a: string, b: string): boolean {
  return a.replace(/^www\./, '') === b.replace(/^www\./, '')
}

function pageOf({ body, headers, status, url }: Fetched): PageInfo | null {
  if (status !== 200 || !/html/i.test(String(headers['content-type'] ?? ''))) return null
  return pageInfo(body.toString('utf8'), url)
}
