import { defineModule } from '@stoa/module'
import { identityErrors } from './errors.ts'
import { identityEvents } from './events.ts'
import { identityMigrations } from './migrations/index.ts'
import { openRoom } from './room.ts'

export { People } from './people.ts'

/** People: who they are, how they sign in, and what they belong to. */
export const identityModule = defineModule({
  name: 'identity',
  description: 'People: who they are, how they sign in, and what they belong to.',
  migrations: identityMigrations,
  permissions: {
    'identity:self': 'See and change one’s own account: every person may.',
    'identity:configure': 'Set how the sign-in pages look, and who may register.',
  },
  events: identityEvents,
  errors: identityErrors,
  tables: {
    people: 'A person, of the whole installation.',
    memberships: 'That a person belongs to a tenant, and by which roles.',
    passwords: 'The hash of a person’s password.',
    sessions: 'Where somebody is signed in.',
    known_devices: 'A browser with which somebody has signed in before.',
    one_time_tokens: 'A link that was mailed and can be used once.',
    sign_in_settings: 'How the pages of a tenant look, and whether anybody may register.',
  },
  create: openRoom,
})
