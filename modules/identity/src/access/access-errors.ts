import { defineErrors } from '@stoa/kernel'

/** What roles, members and grants can answer besides the errors of the ground. */
export const accessErrors = defineErrors({
  role_not_found: { kind: 'not_found', message: 'There is no such role.' },
  role_unknown: { kind: 'invalid', message: 'There is no role of this name.' },
  role_exists: { kind: 'conflict', message: 'There is a role of this name already.' },
  role_built_in: { kind: 'conflict', message: 'The built-in roles cannot be changed.' },
  role_in_use: { kind: 'conflict', message: 'Somebody has this role. Take it from them first.' },
  too_many_roles: { kind: 'conflict', message: 'An organisation has at most 1,000 roles of its own.' },
  member_not_found: { kind: 'not_found', message: 'There is no such member.' },
  last_owner: { kind: 'conflict', message: 'The last owner stays: make somebody else an owner first.' },
  invitation_not_found: { kind: 'not_found', message: 'There is no such invitation.' },
  invitation_spent: { kind: 'gone', message: 'This invitation was used or taken back, or it is too old.' },
  invitation_for_another: {
    kind: 'forbidden',
    message: 'This invitation is for another e-mail address than the one that you have proven to be yours.',
  },
  member_elsewhere: {
    kind: 'conflict',
    message:
      'This person belongs to other organisations, too: they alone can delete their account. Remove them instead.',
  },
  already_member: { kind: 'conflict', message: 'This person is a member already.' },
  team_not_found: { kind: 'not_found', message: 'There is no such team.' },
  team_exists: { kind: 'conflict', message: 'There is a team of this name already.' },
  grant_not_found: { kind: 'not_found', message: 'There is no such grant.' },
  grant_exists: { kind: 'conflict', message: 'There is such a grant already.' },
  service_account_not_found: { kind: 'not_found', message: 'There is no such service account.' },
})
