// Two tenants in two placements: the same migrations, the same code, rows that do not see each other.
import assert from 'node:assert/strict'
import {
  assertCompatible,
  createTenant,
  type MigrationSet,
  migrate,
  openPglite,
  statement,
  tenantTable,
} from '@stoa/db'
import { newId, silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'

const notesMigrations: MigrationSet = {
  owner: 'notes',
  migrations: [
    {
      name: '0001_notes',
      scope: 'tenant', // once in every schema that holds tenants' tables; 'shared': once, in the schema `stoa`
      breaking: false, // true: the release before can no longer run on the result
      up: `
        create table notes (tenant_id uuid not null, id uuid not null, body text not null, primary key (tenant_id, id));
        ${tenantTable('notes')}`, // row level security, policies and grants
    },
    {
      name: '0002_by_body',
      scope: 'tenant',
      breaking: false,
      transactional: false, // one statement that PostgreSQL refuses inside a transaction
      up: 'create index concurrently if not exists notes_by_body on notes (tenant_id, body)',
    },
  ],
}
const insertNote = statement<[tenantId: string, id: string, body: string], never>(
  'insert into notes (tenant_id, id, body) values ($1, $2, $3)',
)
const allNotes = statement<[], { body: string }>('select body from notes')

const deps = { log: silentLogger, clock: systemClock }
const sets = [notesMigrations]
await using db = await openPglite({ dataDir: null }, deps)
await migrate(db, sets, deps, { onApplied: ({ schema, name }) => console.log(`${schema} ${name}`) })
await assertCompatible(db, sets)

const ctx = systemCtx(deps, 'example')
const pooled = await createTenant(db, ctx, sets, { slug: 'umbrella', name: 'Umbrella', placement: 'pool' })
const placed = await createTenant(db, ctx, sets, { slug: 'acme', name: 'Acme', placement: 'schema' })

for (const tenant of [pooled, placed]) {
  const body = `only for ${tenant.name}`
  await db.transaction(tenantCtx(ctx, tenant), (tx) => tx.run(insertNote(tenant.id, newId(), body)))
}
for (const tenant of [pooled, placed]) {
  const notes = await db.read(tenantCtx(ctx, tenant), (tx) => tx.many(allNotes()))
  assert.deepEqual(notes, [{ body: `only for ${tenant.name}` }])
}
console.log('ok')
