// Orders and what is left in stock: the order writes its event in its own transaction, a durable reader keeps the
// count, a tail shows what happens.
import assert from 'node:assert/strict'
import { createTenant, type MigrationSet, migrate, openPglite, statement, tenantTable } from '@stoa/db'
import { createJournal, defineEvent, journalMigrations, processHints } from '@stoa/journal'
import { newId, silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { Type } from 'typebox'

const stockMigrations: MigrationSet = {
  owner: 'stock',
  migrations: [
    {
      name: '0001_stock',
      scope: 'shared',
      breaking: false,
      up: `
        create table sold (tenant_id uuid not null, item text not null, pieces integer not null, primary key (tenant_id, item));
        ${tenantTable('sold')}`,
    },
  ],
}
const sell = statement<[tenantId: string, item: string, pieces: number], never>(
  `insert into stoa.sold as s (tenant_id, item, pieces) values ($1, $2, $3)
on conflict (tenant_id, item) do update set pieces = s.pieces + excluded.pieces`,
)
const soldPieces = statement<[item: string], { pieces: number }>('select pieces from stoa.sold where item = $1')

const orderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  description: 'Somebody ordered something.',
  data: Type.Object({ item: Type.String(), pieces: Type.Integer({ minimum: 1 }) }),
})

const deps = { log: silentLogger, clock: systemClock }
const sets = [journalMigrations, stockMigrations]
await using db = await openPglite({ dataDir: null }, deps)
await migrate(db, sets, deps)
await using hints = processHints()
const journal = createJournal({ events: [orderPlaced] }, { db, hints, ...deps })
const system = systemCtx(deps, 'example')
await journal.ensurePartitions(system)
const tenant = await createTenant(db, system, sets, { slug: 'acme', name: 'Acme', placement: 'pool' })
const ctx = tenantCtx(system, tenant)

// The write and its event, in one commit.
const order = (item: string, pieces: number) =>
  db.transaction(ctx, async (tx) => {
    // … the rows of the order …
    // No round trip: it rides with the COMMIT.
    journal.append(ctx, tx, orderPlaced.of({ item, pieces }, [`order:${newId()}`, `item:${item}`]))
  })

// One of all processes reads. At least once becomes exactly once, because the count and the cursor share a commit.
function keepCount(until: number) {
  const done = Promise.withResolvers<void>()
  let counted = 0
  const reader = journal.reader({ name: 'stock', from: 'start', transactional: true }, async (events, tx) => {
    for (const { data, tenantId } of events) {
      tx.later(sell(tenantId, data.item as string, data.pieces as number))
    }
    tx.afterCommit(() => {
      counted += events.length
      if (counted === until) done.resolve()
    })
  })
  return { counted: done.promise, stop: () => reader[Symbol.asyncDispose]() }
}

// In memory, from now on, in every process that has one.
const shown = Promise.withResolvers<void>()
let lines = 0
await using screen = journal.tail({ name: 'screen' }, async (events) => {
  for (const event of events) console.log(`${event.type} ${JSON.stringify(event.data)}`)
  lines += events.length
  if (lines === 3) shown.resolve()
})
await screen.ready

const first = keepCount(2)
await order('cup', 2)
await order('cup', 1)
await first.counted
await first.stop()

// Nobody reads. It is not lost: the next process goes on where this one stood.
await order('cup', 4)
const second = keepCount(1)
await second.counted
await second.stop()

const { pieces } = await db.read(ctx, (tx) => tx.one(soldPieces('cup')))
assert.equal(pieces, 7)

await shown.promise
const trail = await journal.audit(ctx, { subject: 'item:cup', limit: 2 })
assert.deepEqual(
  trail.events.map((event) => event.data.pieces),
  [4, 1],
  'newest first',
)
console.log('ok')
