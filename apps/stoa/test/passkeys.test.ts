/* Passkeys in a real browser, with an authenticator that the browser plays: `localhost`, because no IP address can have any. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { engines, eventually, type Suite } from '@stoa/testkit'
import { provideBrowser } from '@stoa/testkit/servers'
import type { Stoa } from '../src/compose.ts'
import { type OpenPage, openBrowser } from './browser.ts'
import { freePort, PASSWORD, personWithLink } from './people-at-pages.ts'
import { startProgram } from './suite.ts'

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
    const fill = (fields: Record<string, string>) =>
      page.evaluate(
        Object.entries(fields)
          .map(([id, value]) => `document.getElementById('${id}').value = ${JSON.stringify(value)}`)
          .join(';'),
      )
    const press = (selector: string) => page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`)
    /** Across pages: what is asked while one goes is asked again. */
    const until = (expression: string) => eventually(() => page.evaluate(expression).catch(() => false))
    const at = (path: string) => until(`location.pathname.endsWith('${path}') && document.readyState === 'complete'`)

    it('one is made, and signs its person in without a password; when it is gone, it does not', async () => {
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
      // The status of the refusal stands in the console; nothing else does.
      const others = page.errors.filter((error) => !/status of 422/.test(error))
      assert.deepEqual(others, [])
    })
  })
}
