import type { RateLimit, Route } from '@stoa/http'
import type { Analytics } from '../analytics.ts'
import type { BulkLinks } from '../bulk.ts'
import type { Links } from '../links.ts'
import type { Redirects } from '../redirect.ts'
import { archiveLink } from './archive-link.ts'
import { createLink } from './create-link.ts'
import { createLinks } from './create-links.ts'
import { exportLinkAnalytics } from './export-link-analytics.ts'
import { exportLinks } from './export-links.ts'
import { followLink, followShortLink } from './follow-link.ts'
import { getLink } from './get-link.ts'
import { getLinkAnalytics } from './get-link-analytics.ts'
import { getLinkClicks } from './get-link-clicks.ts'
import { getLinkOverview } from './get-link-overview.ts'
import { getLinkQr } from './get-link-qr.ts'
import { listLinks } from './list-links.ts'
import { restoreLink } from './restore-link.ts'
import { simulateVisit } from './simulate-visit.ts'
import { updateLink } from './update-link.ts'
import { updateLinks } from './update-links.ts'

/** What the routes call. */
export interface LinkRoutesDeps {
  readonly links: Links
  readonly bulk: BulkLinks
  readonly analytics: Analytics
  readonly redirects: Redirects
  readonly shortHost: string | null
  /** How often one address may follow links. */
  readonly visitLimit: RateLimit
}

/** Every route of the room. */
export function linkRoutes({ analytics, bulk, links, redirects, shortHost, visitLimit }: LinkRoutesDeps): Route[] {
  return [
    createLink(links),
    createLinks(bulk),
    updateLinks(bulk),
    exportLinks(links),
    listLinks(links),
    getLink(links),
    updateLink(links),
    archiveLink(links),
    restoreLink(links),
    getLinkClicks(links),
    simulateVisit(links),
    getLinkQr(links),
    getLinkAnalytics(analytics),
    exportLinkAnalytics(analytics),
    getLinkOverview(analytics),
    followLink(redirects, visitLimit),
    ...(shortHost === null ? [] : [followShortLink(redirects, visitLimit, shortHost)]),
  ]
}
