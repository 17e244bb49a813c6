import { defineModule } from '@stoa/module'
import { examineClicks } from './analytics/click-audit.ts'
import { linkChannels } from './channels.ts'
import { linkErrors } from './errors.ts'
import { linkEvents } from './events.ts'
import { linkMigrations } from './migrations/index.ts'
import { openRoom } from './room.ts'

export { type OpenReport, type OperatedLink, OperatorTakedowns } from './safety/operator-takedowns.ts'
export { REASONS, type Reason } from './safety/takedown.ts'

/** Short links: codes, redirects and clicks. */
export const linksModule = defineModule({
  name: 'links',
  description: 'Short links: codes, redirects and clicks.',
  migrations: linkMigrations,
  permissions: {
    'links:read': 'See links and their clicks.',
    'links:write': 'Make, change, archive and restore links.',
    'links:moderate': 'See what is reported of links, take harmful ones down, block hosts.',
  },
  events: linkEvents,
  channels: linkChannels,
  errors: linkErrors,
  tags: {
    Links: 'Short links: each has a code or a slug of its own, and leads to one target or by rules to several.',
    'Link safety':
      'Links that do harm: what strangers report, what is taken down, and hosts to which no link may lead.',
    'Link folders': 'Folders of links: a link is in one of them, or in none.',
    'Link analytics': 'Who followed the links, when, from where and with what, counted without keeping who it was.',
    'Link domains': 'Hosts of the organisation for short links, which it proves by a TXT record.',
    Redirect: 'What visitors of short links meet: they need no credentials.',
  },
  tables: {
    links: 'A link: its code, where it leads, and until when.',
    link_folders: 'A folder of links.',
    link_words: 'A word by which a link is found.',
    link_tags: 'A tag of a link: what the list is filtered by.',
    link_visits: 'How often a link with a maximum was followed.',
    link_clicks: 'One visit that was redirected, of the time before there were days; no longer written.',
    link_click_log: 'One visit that was redirected; a partition for each day.',
    link_click_hours: 'Visits of one link in half an hour, summed.',
    link_click_batches: 'Visits that were written together and are not in the facets yet.',
    link_click_facets: 'Visits of one link in half an hour that have something in common, summed.',
    link_click_visitors: 'A visitor of a link on a day, as a hash; for two days.',
    link_reports: 'What a stranger said of a link that does harm.',
    link_blocked_hosts: 'A host to which a tenant wants no link to lead.',
    link_orphans: 'Visits of a day that asked a host for a word and found no link.',
    link_visitor_salts: 'The key of the hashes of a day, for two days; unlogged.',
    link_domains: 'A host of a tenant for short links.',
    link_codes: 'Who owns a code: the directory that the redirect asks.',
  },
  create: openRoom,
  examine: examineClicks,
})
