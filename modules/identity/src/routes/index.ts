import type { Database } from '@stoa/db'
import type { Route } from '@stoa/http'
import type { Members } from '../members/members.ts'
import type { People } from '../people/people.ts'
import type { PersonalData } from '../people/personal-data.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'
import type { IdentityProviders } from '../upstream/identity-providers.ts'
import { createIdentityProvider } from './create-identity-provider.ts'
import { endMySession } from './end-my-session.ts'
import { endMySessions } from './end-my-sessions.ts'
import { eraseMember } from './erase-member.ts'
import { eraseMyself } from './erase-myself.ts'
import { exportMyData } from './export-my-data.ts'
import { getIdentityProvider } from './get-identity-provider.ts'
import { getMe } from './get-me.ts'
import { getSignInSettings } from './get-sign-in-settings.ts'
import { leaveOrganisation } from './leave-organisation.ts'
import { listIdentityProviders } from './list-identity-providers.ts'
import { listMyOrganisations } from './list-my-organisations.ts'
import { listMySessions } from './list-my-sessions.ts'
import { nameMySession } from './name-my-session.ts'
import { removeIdentityProvider } from './remove-identity-provider.ts'
import { removeSignInSettings } from './remove-sign-in-settings.ts'
import { updateIdentityProvider } from './update-identity-provider.ts'
import { updateSignInSettings } from './update-sign-in-settings.ts'

/** What the routes call. */
export interface IdentityRoutesDeps {
  readonly db: Database
  readonly members: Members
  readonly publicUrl: () => string
  readonly people: People
  readonly personalData: PersonalData
  readonly sessions: Sessions
  readonly settings: SignInSettings
  readonly providers: IdentityProviders
}

/** Every route of the room. */
export function identityRoutes({
  db,
  members,
  people,
  personalData,
  providers,
  publicUrl,
  sessions,
  settings,
}: IdentityRoutesDeps): Route[] {
  return [
    getMe(people),
    listMySessions(sessions),
    endMySessions(sessions),
    nameMySession(sessions),
    endMySession(sessions),
    listMyOrganisations(db, sessions, publicUrl),
    leaveOrganisation(members),
    exportMyData(personalData),
    eraseMyself(personalData),
    eraseMember(personalData),
    getSignInSettings(settings),
    updateSignInSettings(settings),
    removeSignInSettings(settings),
    createIdentityProvider(providers),
    listIdentityProviders(providers),
    getIdentityProvider(providers),
    updateIdentityProvider(providers),
    removeIdentityProvider(providers),
  ]
}
