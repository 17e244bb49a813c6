import type { Module } from '@stoa/module'
import { linkErrors } from './errors.ts'
import { linkEvents } from './events.ts'
import { linkMigrations } from './migrations/index.ts'
import { openRoom } from './room.ts'

/** Short links: codes, redirects and clicks. */
export const linksModule: Module = {
  name: 'links',
  description: 'Short links: codes, redirects and clicks.',
  migrations: linkMigrations,
  permissions: {
    'links:read': 'See links and their clicks.',
    'links:write': 'Make, change, archive and restore links.',
  },
  events: linkEvents,
  errors: linkErrors,
  tables: {},
  create: openRoom,
}
