// The goals of football matches, as they are scored: a server with one kind of channel, and a reader of server-sent
// events that was away for a goal.
import assert from 'node:assert/strict'
import { migrate, openPglite } from '@stoa/db'
import { type AuthScheme, createHttp } from '@stoa/http'
import { createJournal, defineEvent, journalMigrations, processHints } from '@stoa/journal'
import { systemClock as clock, silentLogger as log, newId, systemCtx, tenantCtx } from '@stoa/kernel'
import { createRealtime, defineChannel, realtimeErrors } from '@stoa/realtime'
import { Type } from 'typebox'

const goalScored = defineEvent({
  type: 'goal.scored',
  version: 1,
  description: 'Somebody scored.',
  data: Type.Object({ by: Type.String() }),
})

const deps = { log, clock }
await using db = await openPglite({ dataDir: null }, deps)
await migrate(db, [journalMigrations], deps)
const journal = createJournal({ events: [goalScored] }, { db, hints: processHints(), ...deps })
const tenant = { id: newId(), slug: 'league', schema: 'stoa_pool' }
const ctx = tenantCtx(systemCtx(deps, 'example'), tenant)
const score = (match: string, by: string) =>
  db.transaction(ctx, async (tx) => journal.append(ctx, tx, goalScored.of({ by }, [`match:${match}`])))

// Everybody who says so is a fan. A program asks its API keys instead.
const fan = { actor: { type: 'person', id: 'fan' }, tenant, permissions: new Set(['*']), limitKey: 'fan' } as const
const authenticate: AuthScheme['authenticate'] = ({ headers }) => (headers.authorization === 'Bearer fan' ? fan : null)
const scheme: AuthScheme = {
  name: 'fan',
  openapi: { type: 'http', scheme: 'bearer' },
  challenge: 'Bearer',
  authenticate,
}
const secret = (_purpose: string, bytes = 32) => Buffer.alloc(bytes, 7)
const errors = [realtimeErrors]

const scores = defineChannel({
  pattern: 'match:{id}',
  description: 'The goals of one match.',
  permission: 'matches:read',
  events: ['goal.scored'],
})
const realtime = createRealtime({}, { journal, channels: [scores], authenticate, log, clock })
const http = await createHttp(
  { port: 0 },
  { routes: realtime.routes, onDrain: () => realtime.drain(), schemes: [scheme], secret, errors, log, clock },
)
await realtime.open()
const url = `${await http.listen()}/api/v1/events?channels=match:7&follow=false`

/** What has happened since a position. */
async function since(position?: string) {
  const headers = { authorization: 'Bearer fan', ...(position !== undefined && { 'last-event-id': position }) }
  const text = await (await fetch(url, { headers })).text()
  return {
    position: text
      .match(/^id: (\S+)$/gm)
      ?.at(-1)
      ?.slice(4),
    goals: [...text.matchAll(/"data":\{"by":"(\w+)"\}/g)].map(([, by]) => by),
  }
}

const { position } = await since()
await score('7', 'Ada')
await score('8', 'Kurt')
await score('7', 'Emmy')
for (let seen = await since(position); ; seen = await since(position)) {
  // What was just written can be read a moment later.
  if (seen.goals.length < 2) continue
  assert.deepEqual(seen.goals, ['Ada', 'Emmy'])
  break
}
await http[Symbol.asyncDispose]()
await realtime[Symbol.asyncDispose]()
console.log('ok')
