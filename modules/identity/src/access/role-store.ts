import { statement } from '@stoa/db'

/** A role of a tenant's own. */
export interface RoleRow {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly permissions: readonly string[]
  readonly version: number
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

const columns = 'name, title, description, permissions, version, created_by, created_at, updated_at'

/** All roles of a tenant's own, by name. */
export const roleList = statement<[tenantId: string], RoleRow>(
  `select ${columns} from roles where tenant_id = $1 order by name`,
)

export const roleByName = statement<[tenantId: string, name: string], RoleRow>(
  `select ${columns} from roles where tenant_id = $1 and name = $2`,
)

/** The role, locked for a change. */
export const roleForUpdate = statement<[tenantId: string, name: string], RoleRow>(
  `select ${columns} from roles where tenant_id = $1 and name = $2 for update`,
)

/** Adds a role; no row when there is one of that name. */
export const roleAdded = statement<
  [
    tenantId: string,
    name: string,
    title: string,
    description: string,
    permissions: readonly string[],
    by: string,
    at: Date,
  ],
  RoleRow
>(`
insert into roles (tenant_id, ${columns}) values ($1, $2, $3, $4, $5, 1, $6, $7, $7)
on conflict (tenant_id, name) do nothing returning ${columns}`)

export const roleChanged = statement<
  [tenantId: string, name: string, title: string, description: string, permissions: readonly string[], at: Date],
  RoleRow
>(`
update roles set title = $3, description = $4, permissions = $5, updated_at = $6, version = version + 1
where tenant_id = $1 and name = $2 returning ${columns}`)

export const roleRemoved = statement<[tenantId: string, name: string], never>(
  'delete from roles where tenant_id = $1 and name = $2',
)

/** How often a role is had: by members, teams, service accounts, grants, and invitations that wait. */
export const roleUses = statement<[tenantId: string, name: string, now: Date], { count: number }>(`
select (select count(*) from memberships where tenant_id = $1 and $2 = any (role_names))
  + (select count(*) from teams where tenant_id = $1 and $2 = any (role_names))
  + (select count(*) from service_accounts where tenant_id = $1 and $2 = any (role_names))
  + (select count(*) from grants where tenant_id = $1 and role_name = $2)
  + (select count(*) from invitations where tenant_id = $1 and $2 = any (role_names)
      and accepted_at is null and revoked_at is null and expires_at > $3) as count`)

/** How many roles of its own a tenant has. */
export const roleCount = statement<[tenantId: string], { count: number }>(
  'select count(*) as count from roles where tenant_id = $1',
)
