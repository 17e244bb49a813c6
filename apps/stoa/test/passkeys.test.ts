/* Passkeys in a real browser, with an authenticator that the browser plays: `localhost`, because no IP address can have any. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { engines, eventually, type Suite } from '@stoa/testkit'
import { provideBrowser } from '@stoa/testkit/servers'
import type { Stoa } from '../src/compose.ts'
import { type OpenPage, openBrowser } from './browser.ts'
import { freePort, PASSWORD, personWithLink } from './people-at-pages.ts'
import { startProgram } from './suite.ts'

/** The code that an authenticator app shows (RFC 6238). */
function codeNow(key: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...key.replaceAll(' ', '')]
    .map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  const secret = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const mac = createHmac('sha1', secret).update(step).digest()
  const number = mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

for (const engine of engines.slice(0, 1)) {
  describe('passkeys in a browser', () => {
    let suite: Suite<Stoa>
    let page: OpenPage & AsyncDisposable
    let origin: string
    before(async () => {
      const port = await freePort()
      origin = `http://localhost:${port}`
      suite = await startProgram(engine, { PORT: String(port), STOA_PUBLIC_URL: origin })
      page = await openBrowser(await provideBrowser())
      await page.command('WebAuthn.enable')
      await page.command('WebAuthn.addVirtualAuthenticator', {
        options: {
          ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
          ...{ isUserVerified: true, automaticPresenceSimulation: true },
        },
      })
    })
    after(async () => {
      await page?.[Symbol.asyncDispose]()
      await suite?.[Symbol.asyncDispose]()
    })

    /** A link by which somebody sets their password. */
    async function passwordLink(): Promise<{ readonly link: string; readonly email: string }> {
      const { pooled } = suite.tenants
      const { email, token } = await personWithLink(suite, pooled)
      return { email, link: `${origin}/t/${pooled.slug}/reset?token=${token}` }
    }
    /** Across pages: what is asked while one goes is asked again. */
    const until = (expression: string) => eventually(() => page.evaluate(expression).catch(() => false))
    const fill = async (fields: Record<string, string>) => {
      for (const [id, value] of Object.entries(fields)) {
        const element = `document.getElementById('${id}')`
        await until(`document.readyState === 'complete' && ${element} !== null`)
        await page.evaluate(`${element}.value = ${JSON.stringify(value)}`)
      }
    }
    const press = async (selector: string) => {
      const element = `document.querySelector(${JSON.stringify(selector)})`
      await until(`document.readyState === 'complete' && ${element} !== null`)
      await page.evaluate(`${element}.click()`)
    }
    const at = (path: string) => until(`location.pathname.endsWith('${path}') && document.readyState === 'complete'`)

    /** Somebody who is signed in and has made a passkey; the browser is at their security page. */
    async function withPasskey() {
      const { email, link } = await passwordLink()
      const base = `${origin}/t/${suite.tenants.pooled.slug}`
      await page.open(link)
      await fill({ password: PASSWORD })
      await press('button.main')
      await at('/sign-in')
      await fill({ email, password: PASSWORD })
      await press('button.main')
      await at('/account')
      await page.open(`${base}/security`)
      await press('form:has([data-kind=create]) button')
      await until(`document.querySelector('[role=status]')?.textContent.includes('passkey')`)
      return { base, email }
    }

    it('one is made, and signs its person in without a password; when it is gone, it does not', async () => {
      const { base, email } = await withPasskey()
      await page.open(`${base}/sign-out`)
      await press('button.main')
      await at('/sign-in')
      await press('form:has([data-kind=get]) button')
      await at('/account')
      assert.match(String(await page.evaluate('document.body.textContent')), new RegExp(email))
      const rows = await suite.program.db.admin((session) =>
        session.query<{ amr: string[]; acr: string }>("select amr, acr from stoa.sessions where acr = '2'"),
      )
      assert.deepEqual(
        rows.map(({ amr }) => amr.includes('mfa')),
        [true],
      )
      await page.open(`${base}/security`)
      await press('form:has([value=unpasskey]) button')
      await until(`document.querySelector('[role=status]')?.textContent.includes('removed')`)
      await page.open(`${base}/sign-out`)
      await press('button.main')
      await at('/sign-in')
      await press('form:has([data-kind=get]) button')
      await until(`document.querySelector('.summary') !== null`)
      assert.deepEqual(problems(), [])
    })

    it('one is taken in place of a code, behind the password, and proves alone who is there before something sensitive', async () => {
      const { base, email } = await withPasskey()
      const bySQL = (sql: string) =>
        suite.program.db.admin((session) => session.query<{ amr: string[]; acr: string }>(sql, [email]))
      const mine = 's.person_id = (select id from stoa.people where email = $1)'
      await press('form:has([value=begin]) button')
      await until(`document.getElementById('code') !== null`)
      const key = String(await page.evaluate(`/Key: ([A-Z2-7 ]{39})/.exec(document.body.innerText)[1]`))
      await fill({ code: codeNow(key) })
      await press('button.main')
      await until(`document.body.innerText.match(/[2-9A-Z]{5}-[2-9A-Z]{5}/) !== null`)

      await page.open(`${base}/sign-out`)
      await press('button.main')
      await at('/sign-in')
      await fill({ email, password: PASSWORD })
      await press('button.main')
      await at('/factor')
      await press('form:has([data-kind=get]) button')
      await at('/account')
      const [session] = await bySQL(`select amr, acr from stoa.sessions s where ${mine}`)
      assert.deepEqual([session?.acr, session?.amr.includes('pwd'), session?.amr.includes('mfa')], ['2', true, true])

      await bySQL(`update stoa.sessions s set auth_time = now() - interval '1 hour' where ${mine}`)
      await page.open(`${base}/security`)
      await at('/step-up')
      await press('form:has([data-kind=get]) button')
      await at('/security')
      const [proven] = await bySQL(
        `select amr, acr from stoa.sessions s where ${mine} and auth_time > now() - interval '5 minutes'`,
      )
      assert.deepEqual([proven?.acr, proven?.amr.includes('pwd')], ['2', false])
      assert.deepEqual(problems(), [])
    })

    /** What stands in the console, but for the status of a refusal. */
    function problems(): readonly string[] {
      return page.errors.filter((error) => !/status of 422/.test(error))
    }
  })
}
