/*
 * Roles, members, teams, grants, service accounts: put together here, for the room.
 */
import type { Route } from '@stoa/http'
import { type Ctx, Resources, systemCtx } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import { invitationMail } from '../members/invitation-mail.ts'
import { Invitations } from '../members/invitations.ts'
import { Members, type MembersDeps } from '../members/members.ts'
import { Provisioning } from '../members/provisioning.ts'
import { Teams } from '../members/teams.ts'
import { accessRoutes } from '../routes/access-routes.ts'
import { scimRoutes } from '../routes/scim/index.ts'
import { directoryOf } from '../scim/directory.ts'
import { ScimGroups } from '../scim/scim-groups.ts'
import { ScimUsers } from '../scim/scim-users.ts'
import { Authorization } from './authorization.ts'
import { builtInRoles } from './built-in-roles.ts'
import { Grants } from './grants.ts'
import { PermissionsOf } from './permissions-of.ts'
import { Roles } from './roles.ts'
import { ServiceAccounts } from './service-accounts.ts'

/** What somebody may do, and who says so. */
export interface AccessPart extends AsyncDisposable {
  readonly routes: readonly Route[]
  readonly permissionsOf: PermissionsOf
  readonly members: Members
  readonly invitations: Invitations
  readonly teams: Teams
}

/** What this part needs of the others. */
export interface AccessDeps {
  /** What a tenant is called on its pages, when it says so. */
  readonly displayName: (ctx: Ctx) => Promise<string | null>
  /** See `Members`. */
  readonly endUses: MembersDeps['endUses']
}

/** Opens this part of the room on its columns. */
export function openAccess(columns: Columns, { displayName, endUses }: AccessDeps): AccessPart {
  const { apiKeys, clock, db, journal, leastRoles, log, permissions, publicUrl, queue, realtime } = columns
  const resources = new Resources({ clock })
  const builtIn = builtInRoles(permissions, leastRoles)
  const ctx = systemCtx({ log, clock }, 'identity')
  const permissionsOf = resources.use(
    new PermissionsOf({ db, journal, clock, ctx, builtIn, realtime }),
    'permissions of members',
  )
  const deps = { db, journal, roles: new Roles({ db, journal, builtIn, permissions: Object.keys(permissions) }) }
  const members = new Members({ ...deps, revokeKeys: (own, ownerId) => apiKeys.revokeOwned(own, ownerId), endUses })
  const teams = new Teams(deps)
  const invitations = new Invitations({ ...deps, teams, mail: invitationMail({ queue, publicUrl, displayName }) })
  const provisioning = new Provisioning(deps)
  const scim = { db, publicUrl, actAsDirectory: directoryOf(builtIn) }
  const users = new ScimUsers({ ...scim, members, provisioning, roles: deps.roles })
  const own = accessRoutes({
    ...{ members, teams, invitations, provisioning, roles: deps.roles },
    grants: new Grants(deps),
    accounts: new ServiceAccounts({ ...deps, apiKeys }),
    authorization: new Authorization(deps),
  })
  return {
    routes: [...own, ...scimRoutes({ users, groups: new ScimGroups({ ...scim, teams }), publicUrl })],
    ...{ permissionsOf, members, invitations, teams },
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}
