import { statement } from '@stoa/db'

/** A row of `teams`, with how many are in it. */
export interface TeamRow {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly roleNames: readonly string[]
  readonly externalId: string | null
  readonly version: number
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly members: number
}

const columns = 'id, name, description, role_names, external_id, version, created_by, created_at, updated_at'
/** Of a {@link TeamRow}, with `t` for the team. */
export const teamColumns = `${columns}, (select count(*) from stoa.team_members m where m.tenant_id = t.tenant_id and m.team_id = t.id) as members`

/** Adds a team; no row when there is one of that name. */
export const teamInserted = statement<
  [
    tenantId: string,
    id: string,
    name: string,
    description: string,
    roleNames: readonly string[],
    externalId: string | null,
    by: string,
    at: Date,
  ],
  TeamRow
>(`
insert into teams (tenant_id, ${columns}) values ($1, $2, $3, $4, $5, $6, 1, $7, $8, $8)
on conflict (tenant_id, name) do nothing returning ${columns}, 0 as members`)

export const teamById = statement<[tenantId: string, id: string], TeamRow>(
  `select ${teamColumns} from teams t where tenant_id = $1 and id = $2`,
)

export const teamByName = statement<[tenantId: string, name: string], { id: string }>(
  'select id from teams where tenant_id = $1 and name = $2',
)

/** The team, locked for a change. */
export const teamForUpdate = statement<[tenantId: string, id: string], TeamRow>(
  `select ${teamColumns} from teams t where tenant_id = $1 and id = $2 for update`,
)

/** Teams by name, after one. */
export const teamList = statement<[tenantId: string, after: string | null, limit: number], TeamRow>(
  `select ${teamColumns} from teams t where tenant_id = $1 and ($2::text is null or name > $2) order by name limit $3`,
)

/** Which of these are teams. */
export const teamsAmong = statement<[tenantId: string, ids: readonly string[]], TeamRow>(
  `select ${teamColumns} from teams t where tenant_id = $1 and id = any ($2::uuid[])`,
)

export const teamSaved = statement<
  [
    tenantId: string,
    id: string,
    name: string,
    description: string,
    roleNames: readonly string[],
    externalId: string | null,
    at: Date,
  ],
  TeamRow
>(`
update teams t
set name = $3, description = $4, role_names = $5, external_id = $6, updated_at = $7, version = version + 1
where tenant_id = $1 and id = $2 returning ${teamColumns}`)

export const teamRemoved = statement<[tenantId: string, id: string], never>(
  'delete from teams where tenant_id = $1 and id = $2',
)

/** Puts members into a team: gives those who were not in it, and are members. */
export const teamMembersInserted = statement<
  [tenantId: string, teamId: string, personIds: readonly string[], at: Date],
  { personId: string }
>(`
insert into team_members (tenant_id, team_id, person_id, created_at)
select $1, $2, m.person_id, $4 from memberships m where m.tenant_id = $1 and m.person_id = any ($3::uuid[])
on conflict do nothing returning person_id`)

/** Takes members out of a team: gives those who were in it. */
export const teamMembersRemoved = statement<
  [tenantId: string, teamId: string, personIds: readonly string[]],
  { personId: string }
>(`
delete from team_members where tenant_id = $1 and team_id = $2 and person_id = any ($3::uuid[]) returning person_id`)

/** Somebody in a team. */
export interface TeamMemberRow {
  readonly id: string
  readonly email: string
  readonly name: string
}

/** Who is in a team, by id, after one. */
export const teamMembers = statement<
  [tenantId: string, teamId: string, after: string | null, limit: number],
  TeamMemberRow
>(`
select p.id, p.email, coalesce(m.display_name, p.name) as name
from team_members t
join memberships m on m.tenant_id = t.tenant_id and m.person_id = t.person_id
join people p on p.id = t.person_id
where t.tenant_id = $1 and t.team_id = $2 and ($3::uuid is null or t.person_id > $3)
order by t.person_id limit $4`)
