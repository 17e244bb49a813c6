import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { it } from 'node:test'
import type { Engine } from '@stoa/testkit'
import { describeOnEngines } from './setup.ts'
import { PASSWORD, register, signIn } from './story.ts'

const CROWD = 5_000
/** Connections at once. Everybody is asked for at once, and waits for one. */
const CONNECTIONS = 1_000

/** What holds them back is the same on both engines; a crowd is what the one of many connections is for. */
const BUSY: readonly Engine[] = ['postgres']

describeOnEngines(
  'five thousand who sign in at once',
  (suite) => {
    const tenant = () => suite().tenants.pooled
    const url = () => `${suite().url}/t/${tenant().slug}/sign-in`
    /** What the form of the page is sent with. */
    async function openForm() {
      const page = await fetch(url())
      const cookie = page.headers.getSetCookie().map((one) => one.split(';')[0])
      const [, token = ''] = /name="token_form" value="([^"]*)"/.exec(await page.text()) ?? []
      return { cookie: cookie.join('; '), token }
    }
    /** Sends it from an address. @returns the status */
    function send(agent: Agent, ip: string, cookie: string, body: string): Promise<number> {
      const { promise, reject, resolve } = Promise.withResolvers<number>()
      const type = 'application/x-www-form-urlencoded'
      const headers = { cookie, 'content-type': type, 'content-length': body.length, 'x-forwarded-for': ip }
      const sent = request(url(), { method: 'POST', agent, headers }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode ?? 0))
      })
      sent.once('error', reject).end(body)
      return promise
    }

    it('as one person, from as many addresses, try five passwords; nothing fails, others are answered, the owner gets in', async () => {
      const owner = suite().browser()
      const { email } = await register(suite(), tenant(), owner)
      await owner.open(`/t/${tenant().slug}/sign-out`)
      await owner.submit({})
      const { cookie, token } = await openForm()
      const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
      let left = CROWD
      const crowd = Array.from({ length: CROWD }, async (_, number) => {
        const body = new URLSearchParams({ token_form: token, email, password: `wrong password ${number}` })
        const ip = `10.${100 + (number >> 8)}.${number & 255}.9`
        const status = await send(agent, ip, cookie, body.toString())
        left -= 1
        return status
      })
      const other = await suite().browser().open(`/t/${tenant().slug}/register`)
      assert.equal(other.status, 200)
      assert.ok(left > 0, 'somebody else was answered while they waited')
      const statuses = await Promise.all(crowd)
      agent.destroy()
      // 503: there were too many at once, and they were told so.
      const seen = new Set(statuses)
      assert.deepEqual(
        [...seen].filter((status) => ![422, 429, 503].includes(status)),
        [],
      )
      assert.equal(statuses.filter((status) => status === 422).length, 5)
      assert.ok(statuses.filter((status) => status === 429).length > CONNECTIONS)
      assert.match((await signIn(owner, tenant(), email, PASSWORD)).path, /\/account/)
    })
  },
  {},
  BUSY,
)
