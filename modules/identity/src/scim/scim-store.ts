import { statement } from '@stoa/db'
import { type MemberRow, memberColumns } from '../members/member-store.ts'
import { type TeamRow, teamColumns } from '../members/team-store.ts'

/** A member with the teams that they are in. */
export interface ScimMemberRow extends MemberRow {
  readonly teams: readonly { readonly value: string; readonly display: string }[]
}

/** What members have to equal. What is null is not asked for; names and addresses are compared in lower case. */
export interface ScimMemberKeys {
  readonly id?: string | null
  readonly userName?: string | null
  readonly externalId?: string | null
  readonly email?: string | null
}

type Keys = [tenantId: string, ...wanted: [string | null, string | null, string | null, string | null]]

const membersWanted = `from stoa.memberships m join stoa.people p on p.id = m.person_id
where m.tenant_id = $1 and ($2::text is null or m.person_id::text = lower($2))
  and ($3::text is null or lower(coalesce(m.user_name, p.email)) = lower($3))
  and ($4::text is null or m.external_id = $4) and ($5::text is null or p.email = lower($5))`

const membersBy = statement<[...Keys, offset: number, limit: number], ScimMemberRow>(`
select ${memberColumns},
  coalesce((select jsonb_agg(jsonb_build_object('value', t.id, 'display', t.name) order by t.name)
    from stoa.team_members tm join stoa.teams t on t.tenant_id = tm.tenant_id and t.id = tm.team_id
    where tm.tenant_id = m.tenant_id and tm.person_id = m.person_id), '[]') as teams
${membersWanted} order by m.created_at, m.person_id offset $6 limit $7`)
const membersCounted = statement<Keys, { count: number }>(`select count(*) as count ${membersWanted}`)

function keysOf(
  tenantId: string,
  { email = null, externalId = null, id = null, userName = null }: ScimMemberKeys,
): Keys {
  return [tenantId, id, userName, externalId, email]
}

/** Members in the order in which they joined. */
export function scimMembers(tenantId: string, keys: ScimMemberKeys, offset: number, limit: number) {
  return membersBy(...keysOf(tenantId, keys), offset, limit)
}

/** How many members there are of this kind. */
export function scimMemberCount(tenantId: string, keys: ScimMemberKeys) {
  return membersCounted(...keysOf(tenantId, keys))
}

/** What teams have to equal. What is null is not asked for; names are compared in lower case. */
export interface ScimTeamKeys {
  readonly id: string | null
  readonly name: string | null
  readonly externalId: string | null
  /** Of somebody who is in it. */
  readonly memberId: string | null
}

const teamsWanted = `from stoa.teams t
where tenant_id = $1 and ($2::text is null or id::text = lower($2))
  and ($3::text is null or lower(name) = lower($3)) and ($4::text is null or external_id = $4)
  and ($5::text is null or exists (select from stoa.team_members m
    where m.tenant_id = t.tenant_id and m.team_id = t.id and m.person_id::text = lower($5)))`

const teamsBy = statement<[...Keys, offset: number, limit: number], TeamRow>(
  `select ${teamColumns} ${teamsWanted} order by id offset $6 limit $7`,
)
const teamsCounted = statement<Keys, { count: number }>(`select count(*) as count ${teamsWanted}`)

/** Teams in the order in which they were made. */
export function scimTeams(
  tenantId: string,
  { externalId, id, memberId, name }: ScimTeamKeys,
  offset: number,
  limit: number,
) {
  return teamsBy(tenantId, id, name, externalId, memberId, offset, limit)
}

/** How many teams there are of this kind. */
export function scimTeamCount(tenantId: string, { externalId, id, memberId, name }: ScimTeamKeys) {
  return teamsCounted(tenantId, id, name, externalId, memberId)
}

/** Who is in these teams. */
export const membersOfTeams = statement<
  [tenantId: string, teamIds: readonly string[]],
  { teamId: string; id: string; name: string }
>(`
select t.team_id, p.id, coalesce(m.display_name, p.name) as name
from stoa.team_members t
join stoa.memberships m on m.tenant_id = t.tenant_id and m.person_id = t.person_id
join stoa.people p on p.id = t.person_id
where t.tenant_id = $1 and t.team_id = any ($2::uuid[]) order by t.person_id`)
