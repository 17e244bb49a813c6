import type { Route } from '@stoa/http'
import type { Authorization } from '../access/authorization.ts'
import type { Grants } from '../access/grants.ts'
import type { Roles } from '../access/roles.ts'
import type { ServiceAccounts } from '../access/service-accounts.ts'
import type { Invitations } from '../members/invitations.ts'
import type { Members } from '../members/members.ts'
import type { Provisioning } from '../members/provisioning.ts'
import type { Teams } from '../members/teams.ts'
import { addMember } from './add-member.ts'
import { addTeamMember } from './add-team-member.ts'
import { authorize } from './authorize.ts'
import { createGrant } from './create-grant.ts'
import { createInvitation } from './create-invitation.ts'
import { createRole } from './create-role.ts'
import { createServiceAccount } from './create-service-account.ts'
import { createServiceAccountKey } from './create-service-account-key.ts'
import { createTeam } from './create-team.ts'
import { deleteRole } from './delete-role.ts'
import { deleteServiceAccount } from './delete-service-account.ts'
import { deleteTeam } from './delete-team.ts'
import { getInvitation } from './get-invitation.ts'
import { getMember } from './get-member.ts'
import { getOwnPermissions } from './get-own-permissions.ts'
import { getRole } from './get-role.ts'
import { getServiceAccount } from './get-service-account.ts'
import { getTeam } from './get-team.ts'
import { listGrants } from './list-grants.ts'
import { listInvitations } from './list-invitations.ts'
import { listMembers } from './list-members.ts'
import { listRoles } from './list-roles.ts'
import { listServiceAccounts } from './list-service-accounts.ts'
import { listTeamMembers } from './list-team-members.ts'
import { listTeams } from './list-teams.ts'
import { removeGrant } from './remove-grant.ts'
import { removeMember } from './remove-member.ts'
import { removeTeamMember } from './remove-team-member.ts'
import { restoreMember } from './restore-member.ts'
import { revokeInvitation } from './revoke-invitation.ts'
import { suspendMember } from './suspend-member.ts'
import { transferOwnership } from './transfer-ownership.ts'
import { updateMember } from './update-member.ts'
import { updateRole } from './update-role.ts'
import { updateServiceAccount } from './update-service-account.ts'
import { updateTeam } from './update-team.ts'

/** What the routes call. */
export interface AccessRoutesDeps {
  readonly roles: Roles
  readonly members: Members
  readonly provisioning: Provisioning
  readonly invitations: Invitations
  readonly teams: Teams
  readonly grants: Grants
  readonly accounts: ServiceAccounts
  readonly authorization: Authorization
}

/** The routes of roles, members, teams, grants and service accounts. */
export function accessRoutes(deps: AccessRoutesDeps): Route[] {
  const { accounts, authorization, grants, invitations, members, provisioning, roles, teams } = deps
  return [
    createRole(roles),
    listRoles(roles),
    getRole(roles),
    updateRole(roles),
    deleteRole(roles),
    addMember(provisioning),
    listMembers(members),
    getMember(members),
    updateMember(members),
    suspendMember(members),
    restoreMember(members),
    transferOwnership(members),
    removeMember(members),
    createInvitation(invitations),
    listInvitations(invitations),
    getInvitation(invitations),
    revokeInvitation(invitations),
    createTeam(teams),
    listTeams(teams),
    getTeam(teams),
    updateTeam(teams),
    deleteTeam(teams),
    listTeamMembers(teams),
    addTeamMember(teams),
    removeTeamMember(teams),
    createGrant(grants),
    listGrants(grants),
    removeGrant(grants),
    createServiceAccount(accounts),
    listServiceAccounts(accounts),
    getServiceAccount(accounts),
    updateServiceAccount(accounts),
    deleteServiceAccount(accounts),
    createServiceAccountKey(accounts),
    getOwnPermissions(authorization),
    authorize(authorization),
  ]
}
