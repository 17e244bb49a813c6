import type { MigrationSet } from '@stoa/db'
import { people } from './0001_people.ts'
import { oidc } from './0002_oidc.ts'
import { roles } from './0003_roles.ts'
import { factors } from './0004_factors.ts'
import { upstream } from './0005_upstream.ts'
import { grantDenials } from './0006_grant_denials.ts'
import { provisioning } from './0007_provisioning.ts'
import { memberUserNames } from './0008_member_user_names.ts'
import { memberTokens } from './0009_member_tokens.ts'
import { issuerHosts } from './0010_issuer_hosts.ts'
import { sessionLooks } from './0011_session_looks.ts'
import { sessionsByLook } from './0012_sessions_by_look.ts'
import { clientWebsites } from './0013_client_websites.ts'

/** Every migration of the room, oldest first. */
export const identityMigrations: MigrationSet = {
  owner: 'identity',
  migrations: [
    people,
    oidc,
    roles,
    factors,
    upstream,
    grantDenials,
    provisioning,
    memberUserNames,
    memberTokens,
    issuerHosts,
    sessionLooks,
    sessionsByLook,
    clientWebsites,
  ],
}
