import type { Tenant } from '@stoa/kernel'
import { statement } from './statement.ts'

/** A tenant as it is stored. */
export interface TenantRecord extends Tenant {
  readonly name: string
  readonly createdAt: Date
}

const COLUMNS = 'id, slug, name, schema, created_at'

/** Adds a tenant. A slug that exists violates `tenants_slug_key`. */
export const insertTenant = statement<
  [id: string, slug: string, name: string, schema: string, createdAt: Date],
  TenantRecord
>(
  `insert into stoa.tenants (${COLUMNS}) values ($1, $2, $3, $4, $5)
   returning ${COLUMNS}`,
)

export const selectTenantBySlug = statement<[slug: string], TenantRecord>(
  `select ${COLUMNS} from stoa.tenants where slug = $1`,
)

export const selectTenantById = statement<[id: string], TenantRecord>(
  `select ${COLUMNS} from stoa.tenants where id = $1`,
)

/** By slug, after the given one. */
export const selectTenants = statement<[after: string, limit: number], TenantRecord>(
  `select ${COLUMNS} from stoa.tenants where slug > $1 order by slug limit $2`,
)
