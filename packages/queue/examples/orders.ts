// An order and the mail that confirms it are one transaction: both are there or neither. The job is tried again when it
// fails, and a worker runs it.
import assert from 'node:assert/strict'
import { createTenant, migrate, openPglite } from '@stoa/db'
import { silentLogger, systemClock, systemCtx, tenantCtx } from '@stoa/kernel'
import { createQueue, defineJob, queueMigrations } from '@stoa/queue'
import { Type } from 'typebox'

const deps = { log: silentLogger, clock: systemClock }
const db = await openPglite({ dataDir: null }, deps)
await migrate(db, [queueMigrations], deps)
const system = systemCtx(deps, 'example')
const shop = await createTenant(db, system, [queueMigrations], { slug: 'shop', name: 'Shop', placement: 'pool' })
const ctx = tenantCtx(system, shop)
const sent: string[] = []

const confirmOrder = defineJob({
  name: 'order.confirm',
  lane: 'critical',
  input: Type.Object({ orderId: Type.String(), email: Type.String() }),
  retries: 5,
  retryMinMs: 10,
  run: async (_ctx, { email, orderId }, job) => {
    if (job.attempt === 1) throw new Error('the mail server is away')
    sent.push(`order ${orderId} → ${email}`)
    return { sentTo: email }
  },
})

const queue = createQueue({ jobs: [confirmOrder] }, { db, ...deps })
const worker = await queue.work({ slots: 10 })

const id = await db.transaction(ctx, async (tx) => {
  // … insert into orders …
  return queue.enqueue(ctx, tx, confirmOrder, { orderId: '1001', email: 'ada@example.org' })
})

while ((await queue.operations.job(ctx, id)).state !== 'done') await systemClock.sleep(10)
const { attempt, failures, result } = await queue.operations.job(ctx, id)
assert.deepEqual({ attempt, failures, result }, { attempt: 2, failures: 1, result: { sentTo: 'ada@example.org' } })
assert.deepEqual(sent, ['order 1001 → ada@example.org'])

await worker[Symbol.asyncDispose]()
await queue[Symbol.asyncDispose]()
await db[Symbol.asyncDispose]()
console.log('ok')
