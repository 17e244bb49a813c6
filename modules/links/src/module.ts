import { defineModule } from '@stoa/module'
import { linkChannels } from './channels.ts'
import { linkErrors } from './errors.ts'
import { linkEvents } from './events.ts'
import { linkMigrations } from './migrations/index.ts'
import { openRoom } from './room.ts'

/** Short links: codes, redirects and clicks. */
export const linksModule = defineModule({
  name: 'links',
  description: 'Short links: codes, redirects and clicks.',
  migrations: linkMigrations,
  permissions: {
    'links:read': 'See links and their clicks.',
    'links:write': 'Make, change, archive and restore links.',
  },
  events: linkEvents,
  channels: linkChannels,
  errors: linkErrors,
  tables: {
    links: 'A link: its code, where it leads, and until when.',
    link_tags: 'A tag of a link: what the list is filtered by.',
    link_visits: 'How often a link with a maximum was followed.',
    link_clicks: 'One visit that was redirected.',
    link_click_hours: 'Visits of one link in one hour, summed.',
    link_codes: 'Who owns a code: the directory that the redirect asks.',
  },
  create: openRoom,
})
