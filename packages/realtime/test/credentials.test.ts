import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Principal } from '@stoa/http'
import { silentLogger } from '@stoa/kernel'
import { TestClock } from '@stoa/testkit'
import { type Guest, Guests } from '../src/guests.ts'
import { resolveRealtimeOptions } from '../src/options.ts'
import { openStream } from './event-source.ts'
import { connect, eventually, setup } from './setup.ts'

describe('credentials while a connection is open', () => {
  const token = (actor: string, permissions = '*') => `acme|${actor}|${permissions}`

  it('a connection and a stream end when the credentials do, without any message', async () => {
    const clock = new TestClock(Date.now())
    await using bench = await setup('pglite', { clock })
    bench.scheme.expiresAtMs.set('short', clock.now() + 5_000)
    using socket = await connect(bench.node, token('short'))
    await using stream = await openStream(bench.node, 'channels=notes', token('short'))
    using long = await connect(bench.node, token('long'))
    await clock.advance(4_000)
    assert.equal((await socket.ask({ type: 'ping' })).type, 'pong')
    await clock.advance(2_000)
    const { code, reason } = await socket.closed
    assert.deepEqual([code, reason.code], [4401, 'unauthenticated'])
    assert.deepEqual((await stream.closed).at(-1)?.data, { type: 'close', code: 'unauthenticated' })
    assert.equal((await long.ask({ type: 'ping' })).type, 'pong')
  })

  it('a frame after the end is not carried out, however quick it is', async () => {
    const clock = new TestClock(Date.now())
    await using bench = await setup('pglite', { clock })
    bench.scheme.expiresAtMs.set('short', clock.now() + 5_000)
    using socket = await connect(bench.node, token('short'))
    clock.set(clock.now() + 5_000)
    socket.send({ type: 'subscribe', id: 9, channel: 'notes' })
    assert.equal((await socket.closed).code, 4401)
    assert.equal(socket.messages.filter(({ id }) => id === 9).length, 0)
  })

  it('who left while it was looked at is not looked after any more', async () => {
    const clock = new TestClock(Date.now())
    await using guests = new Guests(resolveRealtimeOptions({}), { clock, log: silentLogger })
    let shut = 0
    const principal = { expiresAtMs: clock.now(), rightsEndAtMs: clock.now() } as Principal
    const gone: Guest = {
      ...{
        principal,
        sinceMs: clock.now(),
        bufferedBytes: 0,
        beatMs: 25_000,
      },
      slot: '',
      beat: () => undefined,
      recheck: async () => void shut++,
      shut: () => void shut++,
    }
    guests.ends(gone, principal)
    await clock.advance(2_000)
    assert.equal(shut, 0)
  })

  it('new credentials in time keep it open', async () => {
    const clock = new TestClock(Date.now())
    await using bench = await setup('pglite', { clock })
    bench.scheme.expiresAtMs.set('ada', clock.now() + 5_000)
    using socket = await connect(bench.node)
    bench.scheme.expiresAtMs.delete('ada')
    assert.equal((await socket.ask({ type: 'auth', token: token('ada') })).type, 'welcome')
    await clock.advance(20_000)
    assert.equal((await socket.ask({ type: 'ping' })).type, 'pong')
  })

  it('a revoked actor is sent away at once, and at the latest when it is looked at again', async () => {
    const clock = new TestClock(Date.now())
    await using bench = await setup('pglite', { clock })
    using one = await connect(bench.node, token('one'))
    using two = await connect(bench.node, token('two'))
    await using stream = await openStream(bench.node, 'channels=notes', token('one'))
    bench.scheme.revoked.add('one').add('two')
    bench.node.realtime.actorChanged('one')
    assert.equal((await one.closed).code, 4401)
    assert.equal((await stream.closed).at(-1)?.data.code, 'unauthenticated')
    await eventually(async () => {
      await clock.advance(25_000)
      return two.ws.readyState === two.ws.CLOSED
    })
    assert.equal((await two.closed).code, 4401)
  })

  it('who acts for somebody is looked at when that one is changed, and everybody of a tenant with the tenant', async () => {
    await using bench = await setup('pglite')
    bench.scheme.owners.set('key', 'ann')
    using key = await connect(bench.node, token('key'))
    using one = await connect(bench.node, token('one'))
    using far = await connect(bench.node, 'rival|far|*')
    bench.scheme.revoked.add('key').add('one').add('far')
    bench.node.realtime.actorChanged('ann')
    assert.equal((await key.closed).code, 4401)
    assert.equal(one.ws.readyState, one.ws.OPEN)
    bench.node.realtime.tenantChanged(bench.tenantId('acme'))
    assert.equal((await one.closed).code, 4401)
    assert.equal(far.ws.readyState, far.ws.OPEN)
  })

  it('a permission that ends by its time ends the subscription and the stream that need it then, and no other', async () => {
    const clock = new TestClock(Date.now())
    await using bench = await setup('pglite', { clock })
    const { permissions, rightsEndAtMs } = bench.scheme
    for (const actor of ['ada', 'bob']) rightsEndAtMs.set(actor, clock.now() + 31_000)
    using ada = await connect(bench.node)
    await ada.follow('notes')
    await ada.follow('secrets')
    await using stream = await openStream(bench.node, 'channels=notes', token('bob'))
    // Everybody is looked at in their first turn, and the next time after a minute.
    await clock.advance(20_000)
    assert.equal((await ada.ask({ type: 'ping' })).type, 'pong')
    await clock.advance(6_000)
    permissions.set('ada', ['realtime:connect', 'notes:read'])
    permissions.set('bob', [])
    await clock.advance(4_000)
    assert.equal((await ada.ask({ type: 'ping' })).type, 'pong')
    assert.ok(!ada.messages.some(({ type }) => type === 'unsubscribed'))
    // The next one ends later: it is looked at again by then, and not before.
    rightsEndAtMs.set('ada', clock.now() + 10_000)
    await clock.advance(2_000)
    const lost = await ada.until(({ type }) => type === 'unsubscribed')
    assert.deepEqual([lost.channel, lost.code], ['secrets', 'forbidden'])
    assert.deepEqual((await stream.closed).at(-1)?.data, { type: 'close', code: 'forbidden' })
    permissions.set('ada', [])
    await clock.advance(6_000)
    assert.equal((await ada.ask({ type: 'ping' })).type, 'pong')
    await clock.advance(3_000)
    assert.equal((await ada.closed).code, 4403)
  })

  it('a lost permission ends the subscription that needs it, and no other', async () => {
    await using bench = await setup('pglite')
    using ada = await connect(bench.node)
    await ada.follow('notes')
    await ada.follow('secrets')
    bench.scheme.permissions.set('ada', ['realtime:connect', 'notes:read'])
    bench.node.realtime.actorChanged('ada')
    const lost = await ada.until(({ type }) => type === 'unsubscribed')
    assert.deepEqual([lost.channel, lost.code], ['secrets', 'forbidden'])
    await bench.write(1)
    assert.deepEqual(await ada.count(1), [1])
    bench.scheme.permissions.set('ada', ['notes:read'])
    bench.node.realtime.actorChanged('ada')
    assert.equal((await ada.closed).code, 4403)
  })
})
