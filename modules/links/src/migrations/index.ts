import type { MigrationSet } from '@stoa/db'
import { linkCodes } from './0001_link_codes.ts'
import { links } from './0002_links.ts'
import { linkClicks } from './0003_link_clicks.ts'
import { linkLimits } from './0004_link_limits.ts'
import { linksByStart } from './0005_links_by_start.ts'
import { linkUtm } from './0006_link_utm.ts'
import { linkRouting } from './0007_link_routing.ts'
import { linkAnalytics } from './0008_link_analytics.ts'
import { linkClickHoursByHour } from './0009_link_click_hours_by_hour.ts'
import { linkVisitorSalts } from './0010_link_visitor_salts.ts'
import { linkDomains } from './0011_link_domains.ts'
import { linksByDomain } from './0012_links_by_domain.ts'
import { linksOfDomain } from './0013_links_of_domain.ts'
import { linkPasswordAndCard } from './0014_link_password_and_card.ts'
import { linkOrphans } from './0015_link_orphans.ts'
import { linkSafety } from './0016_link_safety.ts'
import { linkFolders } from './0017_link_folders.ts'
import { linksOfFolder } from './0018_links_of_folder.ts'
import { linksUnworded } from './0019_links_unworded.ts'

const analytics = [linkAnalytics, linkClickHoursByHour, linkVisitorSalts]
const found = [linkFolders, linksOfFolder, linksUnworded]
const later = [linkDomains, linksByDomain, linksOfDomain, linkPasswordAndCard, linkOrphans, linkSafety]

/** Every migration of the room, oldest first. */
export const linkMigrations: MigrationSet = {
  owner: 'links',
  migrations: [
    linkCodes,
    links,
    linkClicks,
    linkLimits,
    linksByStart,
    linkUtm,
    linkRouting,
    ...analytics,
    ...later,
    ...found,
  ],
}
