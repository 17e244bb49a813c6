import { defineEvent, type EventDefinition } from '@stoa/journal'
import { Type } from 'typebox'
import { memberAdded, personRestored, personSuspended } from '../events.ts'

const id = Type.String({ format: 'uuid' })
const names = Type.Array(Type.String())
const personId = id
const maybe = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

const roleState = Type.Object({
  name: Type.String(),
  title: Type.String(),
  permissions: names,
  version: Type.Integer({ minimum: 1 }),
})

/** A tenant has a role of its own. Subject of this and the next two: `role:<name>`. */
export const roleCreated = defineEvent({
  type: 'identity.role_created',
  version: 1,
  keepsPlace: true,
  description: 'The organisation has a new role of its own.',
  data: roleState,
})
/** It allows something else, or is called otherwise. */
export const roleUpdated = defineEvent({
  type: 'identity.role_updated',
  version: 1,
  keepsPlace: true,
  description: 'A role allows something else, or is called otherwise.',
  data: roleState,
})
/** It is no more. */
export const roleDeleted = defineEvent({
  type: 'identity.role_deleted',
  version: 1,
  keepsPlace: true,
  description: 'A role is no more. Nobody had it.',
  data: Type.Object({ name: Type.String() }),
})

/** Somebody has other roles in the tenant, was suspended, or is back. Subject: `person:<id>`. */
export const memberChanged = defineEvent({
  type: 'identity.member_changed',
  version: 1,
  keepsPlace: true,
  description: 'A member has other roles, was suspended, or is back.',
  data: Type.Object({
    personId,
    roleNames: names,
    status: Type.String({ description: '`active` or `suspended`.' }),
    version: Type.Integer({ minimum: 1 }),
  }),
})
/** Somebody belongs to the tenant no longer. Subject: `person:<id>`. */
export const memberRemoved = defineEvent({
  type: 'identity.member_removed',
  version: 1,
  keepsPlace: true,
  description: 'A person belongs to the organisation no longer: they left, were removed, or are deleted.',
  data: Type.Object({ personId, by: Type.String({ description: '`removal`, `leave`, `provisioning`, `deletion`.' }) }),
})
/** The tenant has another owner. Subjects: `person:<new>`, `person:<old>`. */
export const ownershipTransferred = defineEvent({
  type: 'identity.ownership_transferred',
  version: 1,
  keepsPlace: true,
  description: 'A member has become an owner in the place of another one.',
  data: Type.Object({ to: id, from: id }),
})

const invitation = Type.Object({ invitationId: id, roleNames: names, teamIds: Type.Array(id) })
/** Somebody is asked to join. Subject of this and the next two: `invitation:<id>`. No addresses. */
export const invitationSent = defineEvent({
  type: 'identity.invitation_sent',
  version: 1,
  keepsPlace: true,
  description: 'Somebody is asked to join the organisation, by mail.',
  data: invitation,
})
/** The link holds no longer. */
export const invitationRevoked = defineEvent({
  type: 'identity.invitation_revoked',
  version: 1,
  keepsPlace: true,
  description: 'An invitation holds no longer.',
  data: Type.Object({ invitationId: id }),
})
/** They have joined. Subjects: `invitation:<id>`, `person:<id>`. */
export const invitationAccepted = defineEvent({
  type: 'identity.invitation_accepted',
  version: 1,
  keepsPlace: true,
  description: 'Whoever was invited has joined.',
  data: Type.Object({ invitationId: id, personId }),
})

const teamState = Type.Object({
  teamId: id,
  name: Type.String(),
  roleNames: names,
  version: Type.Integer({ minimum: 1 }),
})
/** There is a team. Subject of all of teams: `team:<id>`. */
export const teamCreated = defineEvent({
  type: 'identity.team_created',
  version: 1,
  keepsPlace: true,
  description: 'There is a new team.',
  data: teamState,
})
/** It is called otherwise, or has other roles. */
export const teamUpdated = defineEvent({
  type: 'identity.team_updated',
  version: 1,
  keepsPlace: true,
  description: 'A team is called otherwise, or has other roles.',
  data: teamState,
})
/** It is no more. */
export const teamDeleted = defineEvent({
  type: 'identity.team_deleted',
  version: 1,
  keepsPlace: true,
  description: 'A team is no more, and neither are its grants.',
  data: Type.Object({ teamId: id }),
})
/** Somebody is in a team. Subjects: `team:<id>`, `person:<id>`. */
export const teamMemberAdded = defineEvent({
  type: 'identity.team_member_added',
  version: 1,
  keepsPlace: true,
  description: 'A member is in a team from now on.',
  data: Type.Object({ teamId: id, personId }),
})
/** Somebody is in a team no longer. Subjects: `team:<id>`, `person:<id>`. */
export const teamMemberRemoved = defineEvent({
  type: 'identity.team_member_removed',
  version: 1,
  keepsPlace: true,
  description: 'A member is in a team no longer.',
  data: Type.Object({ teamId: id, personId }),
})

const grant = Type.Object({
  grantId: id,
  subjectType: Type.String({ description: '`person`, `team` or `serviceAccount`.' }),
  subjectId: id,
  roleName: Type.String(),
  resource: maybe(Type.Object({ kind: Type.String(), id: Type.String() })),
  expiresAt: maybe(Type.String({ format: 'date-time' })),
})
/** Somebody has a role beside those of their membership. Subjects: `grant:<id>`, and whose it is. */
export const grantAdded = defineEvent({
  type: 'identity.grant_added',
  version: 1,
  keepsPlace: true,
  description: 'A person, a team or a service account has a role, in the whole organisation or on one thing.',
  data: grant,
})
/** They have it no longer. Subjects: `grant:<id>`, and whose it was. */
export const grantRemoved = defineEvent({
  type: 'identity.grant_removed',
  version: 1,
  keepsPlace: true,
  description: 'A grant was taken back.',
  data: grant,
})

const serviceAccount = Type.Object({
  serviceAccountId: id,
  name: Type.String(),
  roleNames: names,
  isDisabled: Type.Boolean(),
  version: Type.Integer({ minimum: 1 }),
})
/** A program is a member. Subject of this and the next two: `service_account:<id>`. */
export const serviceAccountCreated = defineEvent({
  type: 'identity.service_account_created',
  version: 1,
  keepsPlace: true,
  description: 'There is a new service account.',
  data: serviceAccount,
})
/** It may do something else, is called otherwise, or was switched off or on. */
export const serviceAccountUpdated = defineEvent({
  type: 'identity.service_account_updated',
  version: 1,
  keepsPlace: true,
  description: 'A service account has other roles or another name, or was switched off or on.',
  data: serviceAccount,
})
/** It is no more; its keys hold no longer. */
export const serviceAccountDeleted = defineEvent({
  type: 'identity.service_account_deleted',
  version: 1,
  keepsPlace: true,
  description: 'A service account is no more. Its keys hold no longer.',
  data: Type.Object({ serviceAccountId: id }),
})

/** All events of this part of the room. */
export const accessEvents: readonly EventDefinition[] = [
  roleCreated,
  roleUpdated,
  roleDeleted,
  memberChanged,
  memberRemoved,
  ownershipTransferred,
  invitationSent,
  invitationRevoked,
  invitationAccepted,
  teamCreated,
  teamUpdated,
  teamDeleted,
  teamMemberAdded,
  teamMemberRemoved,
  grantAdded,
  grantRemoved,
  serviceAccountCreated,
  serviceAccountUpdated,
  serviceAccountDeleted,
]

/**
 * The events after which somebody may do something else, and who: the people and service accounts among its subjects, in
 * the tenant or everywhere, or anybody in the tenant.
 */
export const ACCESS_EVENTS: ReadonlyMap<string, 'subjects' | 'everywhere' | 'tenant'> = new Map([
  ...[personSuspended, personRestored].map(({ type }) => [type, 'everywhere'] as const),
  ...[roleUpdated, roleDeleted, teamUpdated, teamDeleted].map(({ type }) => [type, 'tenant'] as const),
  ...[memberAdded, memberChanged, memberRemoved, ownershipTransferred, teamMemberAdded, teamMemberRemoved].map(
    ({ type }) => [type, 'subjects'] as const,
  ),
  ...[serviceAccountCreated, serviceAccountUpdated, serviceAccountDeleted].map(
    ({ type }) => [type, 'subjects'] as const,
  ),
  // Whose a grant is may be a team.
  ...[grantAdded, grantRemoved].map(({ type }) => [type, 'tenant'] as const),
])
