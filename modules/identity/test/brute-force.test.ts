import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import { createLimiter, createMemoryStore } from '@stoa/limiter'
import { identityErrors } from '../src/errors.ts'
import { Attempts } from '../src/sign-in/attempts.ts'
import type { Browser } from './browser.ts'
import { describeOnEngines } from './setup.ts'
import { newEmail, PASSWORD, register, signIn } from './story.ts'

const WRONG = 'not the password at all'

describeOnEngines('brute force', (suite) => {
  const tenant = () => suite().tenants.pooled

  /** Tries, each time from another browser at another address. */
  async function crowd(email: string, tries: number): Promise<number[]> {
    const statuses: number[] = []
    for (let count = 0; count < tries; count++) {
      statuses.push((await signIn(suite().browser(), tenant(), email, WRONG)).status)
    }
    return statuses
  }
  const count = (statuses: readonly number[], status: number) => statuses.filter((one) => one === status).length

  it('of a crowd of addresses against one account gets five tries, and then waits that grow', async () => {
    const { email } = await register(suite(), tenant(), suite().browser())
    assert.equal(count(await crowd(email, 8), 422), 5)
    const waits: number[] = []
    for (const minutes of [1, 10, 60, 240]) {
      const refused = await signIn(suite().browser(), tenant(), email, WRONG)
      assert.equal(refused.status, 429)
      waits.push(Number(refused.headers.get('retry-after')))
      suite().clock.advance(minutes * 60_000)
      await crowd(email, 6)
    }
    assert.ok((waits[0] ?? 0) <= 30, `${waits}`)
    assert.ok((waits.at(-1) ?? 0) <= 900, `${waits}`)
    const wrong = await signIn(suite().browser(), tenant(), email, PASSWORD)
    assert.equal(wrong.status, 429)
    suite().clock.advance(900_000)
    assert.match((await signIn(suite().browser(), tenant(), email, PASSWORD)).path, /account/)
  })

  it('of a crowd does not hold up the owner at a browser where they signed in before', async () => {
    const owner = suite().browser()
    const { email } = await register(suite(), tenant(), owner)
    await owner.open(`/t/${tenant().slug}/sign-out`)
    await owner.submit({})
    await crowd(email, 7)
    assert.equal((await signIn(suite().browser(), tenant(), email)).status, 429)
    assert.match((await signIn(owner, tenant(), email)).path, /account/)
  })

  it('of one address against many accounts gets twenty tries', async () => {
    const ip = '198.51.100.7'
    const statuses: number[] = []
    for (let tries = 0; tries < 26; tries++) {
      statuses.push((await signIn(suite().browser({ ip }), tenant(), newEmail(), WRONG)).status)
    }
    assert.equal(count(statuses, 422), 20)
  })

  it('of one network of IPv6 is one address, whatever its last half is', async () => {
    const statuses: number[] = []
    for (let tries = 0; tries < 24; tries++) {
      statuses.push(
        (await signIn(suite().browser({ ip: `2001:db8:7::${tries + 1}` }), tenant(), newEmail(), WRONG)).status,
      )
    }
    assert.equal(count(statuses, 422), 20)
  })

  it('says the same of an account that is there and of one that is not, also when it refuses', async () => {
    const { email } = await register(suite(), tenant(), suite().browser())
    const plain = ({ html }: Browser['page']) => html.replace(/(?:value|nonce)="[^"]*"/g, '').replace(/\d+ seconds/, '')
    const nobody = newEmail()
    for (let tries = 0; tries < 7; tries++) {
      const known = await signIn(suite().browser(), tenant(), email, WRONG)
      const unknown = await signIn(suite().browser(), tenant(), nobody, WRONG)
      assert.equal(known.status, unknown.status)
      assert.equal(plain(known), plain(unknown))
    }
  })

  it('does not count what is right', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    for (let times = 0; times < 8; times++) {
      assert.match((await signIn(suite().browser(), tenant(), email)).path, /account/)
    }
  })

  it('by many at once gets no more tries than one after the other', async () => {
    const { email } = await register(suite(), tenant(), suite().browser())
    const browsers = Array.from({ length: 12 }, () => suite().browser())
    for (const browser of browsers) await browser.open(`/t/${tenant().slug}/sign-in`)
    const pages = await Promise.all(browsers.map((browser) => browser.submit({ email, password: WRONG })))
    assert.equal(
      count(
        pages.map(({ status }) => status),
        422,
      ),
      5,
    )
  })

  it('on the password of an open session is bounded too, and another cookie is no other bucket', async () => {
    const browser = suite().browser()
    await register(suite(), tenant(), browser)
    const statuses: number[] = []
    for (let tries = 0; tries < 8; tries++) {
      await browser.open(`/t/${tenant().slug}/account`)
      statuses.push(
        (await browser.submit({ what: 'password', current: WRONG, password: 'one more walk at night' })).status,
      )
      browser.cookies.delete('stoa-device')
    }
    assert.equal(count(statuses, 422), 5)
  })

  it('of asking for mail fills nobody’s mailbox', async () => {
    const { email } = await register(suite(), tenant(), suite().browser())
    const statuses: number[] = []
    for (let tries = 0; tries < 6; tries++) {
      const browser = suite().browser()
      await browser.open(`/t/${tenant().slug}/reset`)
      statuses.push((await browser.submit({ email })).status)
    }
    assert.deepEqual([count(statuses, 200), count(statuses, 429)], [2, 4])
  })
})

describe('credential stuffing', () => {
  const TRIES = 10_000

  /** How many of so many wrong tries within one moment are let through. @param of who tries whom, by the number of the try */
  async function admitted(of: (number: number) => { readonly ip: string; readonly account: string }): Promise<number> {
    await using limiter = createLimiter({ store: createMemoryStore({ clock: () => 0 }) })
    const attempts = new Attempts(limiter)
    let count = 0
    for (let number = 0; number < TRIES; number++) {
      try {
        await attempts.admit({ kind: 'sign-in', device: null, tenantId: 'one', ...of(number) })
        count += 1
      } catch (error) {
        if (!isError(error, identityErrors.too_many_attempts)) throw error
      }
    }
    return count
  }
  /** Each in a network of its own. */
  const address = (number: number) => `10.${number >> 8}.${number & 255}.9`

  it('from 10,000 addresses against one account gets five tries', async () => {
    assert.equal(await admitted((number) => ({ ip: address(number), account: 'ann@example.org' })), 5)
  })

  it('from one address against 10,000 accounts gets twenty tries, and from one network a hundred', async () => {
    const account = (number: number) => `person${number}@example.org`
    assert.equal(await admitted((number) => ({ ip: '198.51.100.7', account: account(number) })), 20)
    assert.equal(await admitted((number) => ({ ip: `198.51.100.${number & 255}`, account: account(number) })), 100)
  })

  it('from 10,000 addresses against as many accounts gets 600 tries in one organisation', async () => {
    assert.equal(await admitted((number) => ({ ip: address(number), account: `person${number}@example.org` })), 600)
  })
})
