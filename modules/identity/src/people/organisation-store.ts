import { statement, type Tx } from '@stoa/db'

/** A tenant that somebody belongs to, with what they are there. */
export interface OrganisationRow {
  readonly id: string
  readonly slug: string
  readonly schema: string
  /** As it calls itself on its pages. */
  readonly name: string
  readonly roleNames: readonly string[]
  readonly status: 'active' | 'suspended'
  readonly joinedAt: Date
}

/** What a person belongs to, by name. Run it as the system role. */
export function organisationsOf(tx: Tx, personId: string): Promise<OrganisationRow[]> {
  return tx.many(organisationList(personId))
}
const organisationList = statement<[string], OrganisationRow>(`
select t.id, t.slug, t.schema, coalesce(s.display_name, t.name) as name, m.role_names, m.status, m.created_at as joined_at
from stoa.memberships m join stoa.tenants t on t.id = m.tenant_id left join stoa.sign_in_settings s on s.tenant_id = t.id
where m.person_id = $1 order by lower(coalesce(s.display_name, t.name)), t.id`)
