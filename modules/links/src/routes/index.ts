import type { RateLimit, Route } from '@stoa/http'
import type { Analytics } from '../analytics/analytics.ts'
import type { Orphans } from '../analytics/orphans.ts'
import type { BulkLinks } from '../bulk/bulk.ts'
import type { LinkDomains } from '../domains/link-domains.ts'
import type { ShortHosts } from '../domains/short-hosts.ts'
import type { Folders } from '../folders/folders.ts'
import type { Links } from '../links.ts'
import type { Redirects } from '../redirect/redirect.ts'
import type { BlockedHosts } from '../safety/blocked-hosts.ts'
import type { Reports } from '../safety/reports.ts'
import { addLinkDomain } from './add-link-domain.ts'
import { archiveLink } from './archive-link.ts'
import { blockLinkHost } from './block-link-host.ts'
import { createLink } from './create-link.ts'
import { createLinkFolder } from './create-link-folder.ts'
import { createLinks } from './create-links.ts'
import { dismissLinkReport } from './dismiss-link-report.ts'
import { exportLinkAnalytics } from './export-link-analytics.ts'
import { exportLinks } from './export-links.ts'
import { followLink } from './follow-link.ts'
import { getLink } from './get-link.ts'
import { getLinkAnalytics } from './get-link-analytics.ts'
import { getLinkClicks } from './get-link-clicks.ts'
import { getLinkDomain } from './get-link-domain.ts'
import { getLinkFolder } from './get-link-folder.ts'
import { getLinkOverview } from './get-link-overview.ts'
import { getLinkQr } from './get-link-qr.ts'
import { liftLinkTakedown } from './lift-link-takedown.ts'
import { listLinkBlockedHosts } from './list-link-blocked-hosts.ts'
import { listLinkDomains } from './list-link-domains.ts'
import { listLinkFolders } from './list-link-folders.ts'
import { listLinkReports } from './list-link-reports.ts'
import { listLinks } from './list-links.ts'
import { listOrphanVisits } from './list-orphan-visits.ts'
import { openLink } from './open-link.ts'
import { removeLinkDomain } from './remove-link-domain.ts'
import { removeLinkFolder } from './remove-link-folder.ts'
import { reportLink } from './report-link.ts'
import { restoreLink } from './restore-link.ts'
import { showReportForm } from './show-report-form.ts'
import { simulateVisit } from './simulate-visit.ts'
import { takeDownLink } from './take-down-link.ts'
import { unblockLinkHost } from './unblock-link-host.ts'
import { updateLink } from './update-link.ts'
import { updateLinkDomain } from './update-link-domain.ts'
import { updateLinkFolder } from './update-link-folder.ts'
import { updateLinks } from './update-links.ts'
import { verifyLinkDomain } from './verify-link-domain.ts'

/** What the routes call. */
export interface LinkRoutesDeps {
  readonly links: Links
  readonly bulk: BulkLinks
  readonly analytics: Analytics
  readonly redirects: Redirects
  readonly domains: LinkDomains
  readonly orphans: Orphans
  readonly reports: Reports
  readonly blocked: BlockedHosts
  readonly folders: Folders
  readonly hosts: ShortHosts
  /** How often one address may follow links. */
  readonly visitLimit: RateLimit
  /** How often one address may report links. */
  readonly reportLimit: RateLimit
}

/** Every route of the room. */
export function linkRoutes({
  analytics,
  blocked,
  bulk,
  domains,
  folders,
  hosts,
  links,
  orphans,
  redirects,
  reports,
  reportLimit,
  visitLimit,
}: LinkRoutesDeps): Route[] {
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
    takeDownLink(links),
    liftLinkTakedown(links),
    createLinkFolder(folders),
    listLinkFolders(folders),
    getLinkFolder(folders),
    updateLinkFolder(folders),
    removeLinkFolder(folders),
    listLinkReports(reports),
    dismissLinkReport(reports),
    listLinkBlockedHosts(blocked),
    blockLinkHost(blocked),
    unblockLinkHost(blocked),
    getLinkClicks(links),
    simulateVisit(links),
    getLinkQr(links),
    getLinkAnalytics(analytics),
    exportLinkAnalytics(analytics),
    getLinkOverview(analytics),
    addLinkDomain(domains),
    listLinkDomains(domains),
    getLinkDomain(domains),
    listOrphanVisits(domains, orphans),
    updateLinkDomain(domains),
    removeLinkDomain(domains),
    verifyLinkDomain(domains),
    showReportForm(),
    reportLink(reports, reportLimit),
    followLink(redirects, hosts, visitLimit),
    openLink(redirects, hosts, visitLimit),
  ]
}
