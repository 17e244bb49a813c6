import type { Route } from '@stoa/http'
import type { SignInSettings } from '../sign-in-settings.ts'
import { getSignInSettings } from './get-sign-in-settings.ts'
import { removeSignInSettings } from './remove-sign-in-settings.ts'
import { updateSignInSettings } from './update-sign-in-settings.ts'

/** What the routes call. */
export interface IdentityRoutesDeps {
  readonly settings: SignInSettings
}

/** Every route of the room. */
export function identityRoutes({ settings }: IdentityRoutesDeps): Route[] {
  return [getSignInSettings(settings), updateSignInSettings(settings), removeSignInSettings(settings)]
}
