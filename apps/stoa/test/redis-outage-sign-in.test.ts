import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { startRedis } from '@stoa/testkit/servers'
import { newInstallation } from './program.ts'

const EMAIL = 'ann@example.org'
const PASSWORD = 'a walk along the river'

/** A form of a page, sent from an address. */
async function send(url: string, fields: Readonly<Record<string, string>>): Promise<Response> {
  const page = await fetch(url)
  const cookie = page.headers.getSetCookie().map((one) => one.split(';')[0])
  const [, token = ''] = /name="token_form" value="([^"]*)"/.exec(await page.text()) ?? []
  return fetch(url, {
    ...{ method: 'POST', redirect: 'manual', headers: { cookie: cookie.join('; ') } },
    body: new URLSearchParams({ ...fields, token_form: token }),
  })
}

describe('Redis that goes away while people sign in', () => {
  it('keeps nobody out, and lets nobody try more', async () => {
    await using redis = await startRedis()
    await using installation = await newInstallation('postgres', { settings: { REDIS_URL: redis.url } })
    const up = await installation.up()
    const words = ['person', 'add', EMAIL, '--tenant', 'demo', '--name', 'Ann', '--role', 'owner']
    const { stdout } = await installation.call(words)
    const [, token = ''] = /reset\?token=([\w-]+)/.exec(stdout) ?? assert.fail(stdout)
    const page = (name: string) => `${up.url}/t/demo/${name}`
    const set = await send(`${page('reset')}?token=${token}`, { token, password: PASSWORD })
    assert.equal(set.status, 303, await set.text())
    const signIn = async (password: string, email = EMAIL) => (await send(page('sign-in'), { email, password })).status

    assert.equal(await signIn(PASSWORD), 303)
    await redis.kill()
    assert.equal(await signIn(PASSWORD), 303, 'at once')
    const wrong: number[] = []
    for (let tries = 0; tries < 8; tries++) wrong.push(await signIn('wrong', 'bob@example.org'))
    assert.deepEqual([wrong[0], wrong.at(-1)], [422, 429], 'this process counts by itself')
    assert.ok(wrong.every((status) => status === 422 || status === 429))
    assert.equal(await signIn(PASSWORD), 303)
    await redis.restart()
    await eventually(
      () => up.client(null).got<{ checks: { redis: { detail?: string } } }>('/health/ready'),
      ({ body }) => body.checks.redis.detail === undefined,
    )
    assert.equal(await signIn(PASSWORD), 303)
    assert.equal(await up.stop(), 0)
  })
})
