/** People for other people's tests. */
import { type Database, statement } from '@stoa/db'
import { type BaseCtx, newId, type Tenant } from '@stoa/kernel'

/** A person of a tenant. */
export interface SeededPerson {
  readonly id: string
  readonly email: string
}

/** Makes a person who belongs to a tenant, by these roles. They have no password. */
export async function seedPerson(
  db: Database,
  ctx: BaseCtx,
  tenant: Pick<Tenant, 'id'>,
  roleNames: readonly string[] = ['member'],
): Promise<SeededPerson> {
  const id = newId(ctx.clock)
  const email = `${id}@example.org`
  await db.system(ctx, async (tx) => {
    await tx.run(person(id, email, new Date(ctx.clock.now())))
    await tx.run(membership(tenant.id, id, roleNames, new Date(ctx.clock.now())))
  })
  return { id, email }
}

const person = statement<[string, string, Date], never>(`
insert into stoa.people (id, email, email_verified_at, name, locale, version, created_at, updated_at)
values ($1, $2, $3, 'Ann', 'en', 1, $3, $3)`)
const membership = statement<[string, string, readonly string[], Date], never>(`
insert into stoa.memberships (tenant_id, person_id, role_names, status, version, created_by, created_at, updated_at)
values ($1, $2, $3, 'active', 1, 'system:test', $4, $4)`)
