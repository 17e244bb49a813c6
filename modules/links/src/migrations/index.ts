import type { MigrationSet } from '@stoa/db'
import { linkCodes } from './0001_link_codes.ts'
import { links } from './0002_links.ts'
import { linkClicks } from './0003_link_clicks.ts'
import { linkLimits } from './0004_link_limits.ts'
import { linksByStart } from './0005_links_by_start.ts'
import { linkUtm } from './0006_link_utm.ts'
import { linkRouting } from './0007_link_routing.ts'

/** Every migration of the room, oldest first. */
export const linkMigrations: MigrationSet = {
  owner: 'links',
  migrations: [linkCodes, links, linkClicks, linkLimits, linksByStart, linkUtm, linkRouting],
}
