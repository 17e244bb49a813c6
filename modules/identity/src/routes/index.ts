import type { Route } from '@stoa/http'
import type { People } from '../people/people.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import type { SignInSettings } from '../sign-in/sign-in-settings.ts'
import type { IdentityProviders } from '../upstream/identity-providers.ts'
import { createIdentityProvider } from './create-identity-provider.ts'
import { endMySessions } from './end-my-sessions.ts'
import { getIdentityProvider } from './get-identity-provider.ts'
import { getMe } from './get-me.ts'
import { getSignInSettings } from './get-sign-in-settings.ts'
import { listIdentityProviders } from './list-identity-providers.ts'
import { listMySessions } from './list-my-sessions.ts'
import { removeIdentityProvider } from './remove-identity-provider.ts'
import { removeSignInSettings } from './remove-sign-in-settings.ts'
import { updateIdentityProvider } from './update-identity-provider.ts'
import { updateSignInSettings } from './update-sign-in-settings.ts'

/** What the routes call. */
export interface IdentityRoutesDeps {
  readonly people: People
  readonly sessions: Sessions
  readonly settings: SignInSettings
  readonly providers: IdentityProviders
}

/** Every route of the room. */
export function identityRoutes({ people, providers, sessions, settings }: IdentityRoutesDeps): Route[] {
  return [
    getMe(people),
    listMySessions(sessions),
    endMySessions(sessions),
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
