import assert from 'node:assert/strict'
import { it } from 'node:test'
import { silentLogger, systemClock } from '@stoa/kernel'
import { eventually, openTestDatabase, testRedisUrl } from '@stoa/testkit'
import { installationSecret } from '../src/config/secrets.ts'
import { openHints } from '../src/open-hints.ts'

it('installations that share a Redis do not wake each other, and processes of one do', async () => {
  await using stack = new AsyncDisposableStack()
  const { db } = stack.use(await openTestDatabase('pglite', { sets: [] }))
  const open = async (name: string) => {
    const { derive: secret } = installationSecret(`${name} ${process.pid} ${Math.random()}`.padEnd(40, '.'), 'test')
    const one = async () =>
      stack.use(await openHints({ redisUrl: testRedisUrl() }, db, { log: silentLogger, clock: systemClock, secret }))
    const [from, to] = [await one(), await one()]
    /** Waits until `to` hears `from`: the first hints may go before it listens. */
    const heard = async (topic: string) => {
      let count = 0
      using _ = to.subscribe(topic, () => count++)
      await eventually(() => {
        from.publish(topic)
        return count > 0
      })
    }
    return { from, to, heard }
  }
  const [ours, others] = [await open('ours'), await open('others')]
  await Promise.all([ours.heard('begin'), others.heard('begin')])
  let woken = 0
  others.to.subscribe('links', () => woken++)
  await ours.heard('links')
  // Redis keeps the order: what it was given before reaches a subscriber before.
  await others.heard('end')
  assert.equal(woken, 0)
})
