import { defineModule } from '@stoa/module'
import { accessErrors } from './access/access-errors.ts'
import { accessEvents } from './access/access-events.ts'
import { identityErrors } from './errors.ts'
import { identityEvents } from './events.ts'
import { examineIssuerHosts } from './hosts/issuer-host-audit.ts'
import { issuerHostErrors } from './hosts/issuer-host-errors.ts'
import { issuerHostEvents } from './hosts/issuer-host-events.ts'
import { identityMigrations } from './migrations/index.ts'
import { oidcEvents } from './openid/oidc-events.ts'
import { openRoom } from './room.ts'
import { scimErrors } from './scim/scim-errors.ts'
import { upstreamEvents } from './upstream/upstream-events.ts'

export { openSigningKeys } from './openid/open-signing-keys.ts'
export type { SigningKeys } from './openid/signing-keys.ts'
export { openPeople } from './people/open-people.ts'
export type { People } from './people/people.ts'

/** People: who they are, how they sign in, and what they belong to. */
export const identityModule = defineModule({
  name: 'identity',
  description: 'People: who they are, how they sign in, and what they belong to.',
  migrations: identityMigrations,
  permissions: {
    'identity:self': 'See and change one’s own account: every person may.',
    'identity:read': 'See members, teams, roles, grants and service accounts.',
    'identity:manage': 'Invite, change and remove members; roles, teams, grants and service accounts.',
    'identity:provision': 'Keep members and teams as a directory has them (SCIM).',
    'identity:own': 'Hand the ownership of the organisation over.',
    'identity:configure':
      'Set how the sign-in pages look, where the issuer is, who may register, and whom people may sign in by.',
    'identity:clients:read': 'See the applications that sign people in.',
    'identity:clients:write': 'Add, change and remove applications, with no more than one may do oneself.',
    'identity:keys:read': 'See which keys tokens are signed with.',
    'identity:keys:rotate': 'Have tokens signed with a new key.',
  },
  leastRoles: {
    'identity:self': 'viewer',
    'identity:own': 'owner',
    // Whom people sign in by can sign in as anybody here, owners too.
    'identity:configure': 'owner',
    'identity:clients:read': 'admin',
    'identity:clients:write': 'admin',
    'identity:keys:read': 'admin',
  },
  events: [...identityEvents, ...accessEvents, ...oidcEvents, ...upstreamEvents, ...issuerHostEvents],
  errors: { ...identityErrors, ...accessErrors, ...scimErrors, ...issuerHostErrors },
  tags: {
    Me: 'Who asks: their account, sessions, organisations and applications, and what they may do with these credentials.',
    Members:
      'The people who belong to the organisation: by which roles, whether they are suspended, and how they come and go.',
    Identity: 'How the sign-in pages look, who may register, and by which other providers people sign in.',
    Roles: 'Sets of permissions: four that every organisation has, and its own.',
    Invitations:
      'Asking somebody by mail to join; whoever does is a member with the roles and teams of the invitation.',
    Teams: 'Groups of members: everybody in a team has its roles and its grants.',
    Grants:
      'Roles beside those of a membership: for a person, a team or a service account, in the whole organisation or on one thing, for ever or for a while.',
    'Service accounts': 'Programs that are members: they have roles, and hold API keys.',
    SCIM: 'The door for directories that keep members and teams by SCIM 2.0 (RFC 7644), with the permission `identity:provision`.',
    'Sign-on':
      'The OpenID provider of the organisation: its applications, the keys that it signs with, and the host where it is.',
  },
  tables: {
    people: 'A person, of the whole installation.',
    memberships: 'That a person belongs to a tenant, and by which roles.',
    passwords: 'The hash of a person’s password.',
    sessions: 'Where somebody is signed in.',
    known_devices: 'A browser with which somebody has signed in before.',
    one_time_tokens: 'A link that was mailed and can be used once.',
    oauth_clients: 'An application that signs people in, or a program that signs in itself.',
    signing_keys: 'A key that the tokens of a tenant are signed with.',
    oidc_records: 'Something that the OpenID provider of a tenant has given out: a code, a refresh token, a grant.',
    token_denials: 'What access tokens are refused before their time.',
    totp_secrets: 'The secret of somebody’s authenticator app, sealed.',
    recovery_codes: 'A code that stands in for the app, once.',
    passkeys: 'The public key of somebody’s passkey.',
    roles: 'A role of a tenant’s own: a set of permissions.',
    teams: 'A group of members, with roles.',
    team_members: 'That a member is in a team.',
    grants: 'A role for somebody beside those of their membership, everywhere or on one thing.',
    invitations: 'That somebody is asked to join.',
    service_accounts: 'A program that is a member.',
    identity_providers: 'Another provider that people sign in by.',
    linked_accounts: 'That somebody over there is this person here.',
    issuer_hosts: 'A host of a tenant’s own for its issuer.',
    sign_in_settings: 'How the pages of a tenant look, and whether anybody may register.',
  },
  create: openRoom,
  examine: examineIssuerHosts,
})
