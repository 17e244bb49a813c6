import type { Route } from '@stoa/http'
import type { Applications } from '../openid/applications.ts'
import type { OAuthClients } from '../openid/oauth-clients.ts'
import type { RegistrationTokens } from '../openid/registration-tokens.ts'
import type { SigningKeys } from '../openid/signing-keys.ts'
import { createOAuthClient } from './create-oauth-client.ts'
import { createRegistrationToken } from './create-registration-token.ts'
import { getOAuthClient } from './get-oauth-client.ts'
import { listMyApplications } from './list-my-applications.ts'
import { listOAuthClients } from './list-oauth-clients.ts'
import { listSigningKeys } from './list-signing-keys.ts'
import { removeOAuthClient } from './remove-oauth-client.ts'
import { rotateOAuthClientSecret } from './rotate-oauth-client-secret.ts'
import { rotateSigningKey } from './rotate-signing-key.ts'
import { updateOAuthClient } from './update-oauth-client.ts'
import { withdrawMyApplication } from './withdraw-my-application.ts'

/** What the routes call. */
export interface OAuthRoutesDeps {
  readonly applications: Applications
  readonly clients: OAuthClients
  readonly keys: SigningKeys
  readonly registrations: RegistrationTokens
}

/** The operations on what a tenant's provider stands on. */
export function oauthRoutes({ applications, clients, keys, registrations }: OAuthRoutesDeps): readonly Route[] {
  return [
    createOAuthClient(clients),
    listOAuthClients(clients),
    getOAuthClient(clients),
    updateOAuthClient(clients),
    rotateOAuthClientSecret(clients),
    removeOAuthClient(clients),
    createRegistrationToken(registrations),
    listSigningKeys(keys),
    rotateSigningKey(keys),
    listMyApplications(applications),
    withdrawMyApplication(applications),
  ]
}
