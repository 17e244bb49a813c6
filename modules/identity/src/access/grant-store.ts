import { queryBuilder, statement } from '@stoa/db'

/** To whom a role is granted. */
export type GrantSubject = 'person' | 'team' | 'serviceAccount'

/** A row of `grants`. */
export interface GrantRow {
  readonly id: string
  readonly subjectType: GrantSubject
  readonly subjectId: string
  readonly roleName: string
  readonly resourceKind: string | null
  readonly resourceId: string | null
  readonly expiresAt: Date | null
  readonly createdBy: string
  readonly createdAt: Date
}

const columns =
  'id, subject_type, subject_id, role_name, resource_kind, resource_id, expires_at, created_by, created_at'

/** Adds a grant; no row when there is such a one. */
export const grantInserted = statement<
  [
    tenantId: string,
    id: string,
    subjectType: GrantSubject,
    subjectId: string,
    roleName: string,
    resourceKind: string | null,
    resourceId: string | null,
    expiresAt: Date | null,
    by: string,
    at: Date,
  ],
  GrantRow
>(`
insert into grants (tenant_id, ${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict do nothing returning ${columns}`)

/** Of such a grant that has ended, so that there can be a new one. */
export const endedGrantsDropped = statement<[tenantId: string, subjectId: string, now: Date], never>(
  'delete from grants where tenant_id = $1 and subject_id = $2 and expires_at <= $3',
)

export const grantById = statement<[tenantId: string, id: string], GrantRow>(
  `select ${columns} from grants where tenant_id = $1 and id = $2`,
)

export const grantDeleted = statement<[tenantId: string, id: string], GrantRow>(
  `delete from grants where tenant_id = $1 and id = $2 returning ${columns}`,
)

/** Which roles somebody is granted, in the whole tenant or on single things. */
export const rolesGranted = statement<[tenantId: string, subjectId: string, now: Date], { roleName: string }>(`
select distinct role_name from grants
where tenant_id = $1 and subject_id = $2 and (expires_at is null or expires_at > $3)`)

/** Whether there is somebody that a role can be granted to. */
export const subjectExists: Readonly<
  Record<GrantSubject, ReturnType<typeof statement<[tenantId: string, id: string], { id: string }>>>
> = {
  person: statement('select person_id as id from memberships where tenant_id = $1 and person_id = $2'),
  team: statement('select id from teams where tenant_id = $1 and id = $2'),
  serviceAccount: statement('select id from service_accounts where tenant_id = $1 and id = $2'),
}

interface Tables {
  grants: GrantRow & { tenantId: string }
}
const builder = queryBuilder<Tables>()

/** Which grants to list, the newest first. */
export interface GrantFilter {
  readonly subjectId?: string | undefined
  readonly resourceKind?: string | undefined
  readonly resourceId?: string | undefined
  /** Grants older than this one. */
  readonly before: string | null
  readonly limit: number
}

/** Grants that have not ended. */
export function grantPage(tenantId: string, filter: GrantFilter, now: Date) {
  const { before, limit, resourceId, resourceKind, subjectId } = filter
  let query = builder
    .selectFrom('grants')
    .select(['id', 'subjectType', 'subjectId', 'roleName', 'resourceKind', 'resourceId'])
    .select(['expiresAt', 'createdBy', 'createdAt'])
    .where('tenantId', '=', tenantId)
    .where((e) => e.or([e('expiresAt', 'is', null), e('expiresAt', '>', now)]))
  if (subjectId !== undefined) query = query.where('subjectId', '=', subjectId)
  if (resourceKind !== undefined) query = query.where('resourceKind', '=', resourceKind)
  if (resourceId !== undefined) query = query.where('resourceId', '=', resourceId)
  if (before !== null) query = query.where('id', '<', before)
  return query.orderBy('id', 'desc').limit(limit)
}
