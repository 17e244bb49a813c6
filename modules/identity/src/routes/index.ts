import type { Route } from '@stoa/http'
import type { People } from '../people/people.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'
import { endMySessions } from './end-my-sessions.ts'
import { getMe } from './get-me.ts'
import { getSignInSettings } from './get-sign-in-settings.ts'
import { listMySessions } from './list-my-sessions.ts'
import { removeSignInSettings } from './remove-sign-in-settings.ts'
import { updateSignInSettings } from './update-sign-in-settings.ts'

/** What the routes call. */
export interface IdentityRoutesDeps {
  readonly people: People
  readonly sessions: Sessions
  readonly settings: SignInSettings
}

/** Every route of the room. */
export function identityRoutes({ people, sessions, settings }: IdentityRoutesDeps): Route[] {
  return [
    getMe(people),
    listMySessions(sessions),
    endMySessions(sessions),
    getSignInSettings(settings),
    updateSignInSettings(settings),
    removeSignInSettings(settings),
  ]
}
