import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { OutOfTurns, turnOf } from '../src/barred.ts'

it('bars the tenants that are out of turns, until their turn comes', async () => {
  const out = new OutOfTurns()
  out.add('one', 'mail.send', 60_000)
  out.add('two', 'mail.send', 1)
  out.add('three', 'mail.send', Number.NaN)
  await delay(5)
  assert.deepEqual(out.barred(['paused.kind']), { kinds: ['paused.kind'], turns: [turnOf('one', 'mail.send')] })
})

it('bars a kind as a whole when so many of its tenants are out of turns that each job would be compared with all of them', () => {
  const out = new OutOfTurns()
  for (let n = 0; n < 40; n++) out.add(`few ${n}`, 'few.wait', 60_000)
  for (let n = 0; n < 61; n++) out.add(`more ${n}`, 'more.wait', 60_000)
  const { kinds, turns } = out.barred([])
  assert.deepEqual([kinds, turns.length], [['more.wait'], 40])
})
