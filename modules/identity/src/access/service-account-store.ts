import { statement } from '@stoa/db'

/** A row of `service_accounts`. */
export interface ServiceAccountRow {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly roleNames: readonly string[]
  readonly disabledAt: Date | null
  readonly version: number
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

const columns = 'id, name, description, role_names, disabled_at, version, created_by, created_at, updated_at'

export const serviceAccountInserted = statement<
  [tenantId: string, id: string, name: string, description: string, roleNames: readonly string[], by: string, at: Date],
  ServiceAccountRow
>(`
insert into service_accounts (tenant_id, ${columns}) values ($1, $2, $3, $4, $5, null, 1, $6, $7, $7)
returning ${columns}`)

export const serviceAccountById = statement<[tenantId: string, id: string], ServiceAccountRow>(
  `select ${columns} from service_accounts where tenant_id = $1 and id = $2`,
)

/** The account, locked for a change. */
export const serviceAccountForUpdate = statement<[tenantId: string, id: string], ServiceAccountRow>(
  `select ${columns} from service_accounts where tenant_id = $1 and id = $2 for update`,
)

/** Accounts, the newest first, before one. */
export const serviceAccountList = statement<
  [tenantId: string, before: string | null, limit: number],
  ServiceAccountRow
>(
  `select ${columns} from service_accounts where tenant_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`,
)

export const serviceAccountSaved = statement<
  [
    tenantId: string,
    id: string,
    name: string,
    description: string,
    roleNames: readonly string[],
    disabledAt: Date | null,
    at: Date,
  ],
  ServiceAccountRow
>(`
update service_accounts
set name = $3, description = $4, role_names = $5, disabled_at = $6, updated_at = $7, version = version + 1
where tenant_id = $1 and id = $2 returning ${columns}`)

export const serviceAccountRemoved = statement<[tenantId: string, id: string], never>(
  'delete from service_accounts where tenant_id = $1 and id = $2',
)
