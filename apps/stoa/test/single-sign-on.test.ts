/*
 * The two applications of examples/, as their users have them: processes of their own, one session at Stoa, in a real
 * browser with a tab for each.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { eventually, type Suite } from '@stoa/testkit'
import { provideBrowser } from '@stoa/testkit/servers'
import type { Stoa } from '../src/compose.ts'
import { type OpenPage, openBrowser } from './browser.ts'
import { freePort, PASSWORD, personWithPassword } from './people-at-pages.ts'
import { type Running, run } from './running.ts'
import { startProgram } from './suite.ts'

const EXAMPLES = join(import.meta.dirname, '../../../examples')

interface Made {
  readonly client: { readonly id: string }
  readonly secret: string | null
}

describe('two applications share one session', () => {
  let suite: Suite<Stoa>
  let browser: OpenPage & AsyncDisposable
  let issuer: string
  let readingRoom: string
  let garden: string
  let email: string
  const running: Running[] = []

  async function newApplication(body: object): Promise<Made> {
    const answer = await (await suite.client()).send<Made>('POST', '/api/v1/oauth-clients', { body })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer.body
  }

  async function start(file: string, env: Readonly<Record<string, string>>): Promise<void> {
    const { HOME = '', PATH = '' } = process.env
    const one = run(process.execPath, [join(EXAMPLES, file)], { env: { HOME, PATH, ISSUER: issuer, ...env } })
    running.push(one)
    await one.printed(/^ready at/m)
  }

  async function startReadingRoom(): Promise<void> {
    const PORT = String(await freePort())
    readingRoom = `http://localhost:${PORT}`
    const { client, secret } = await newApplication({
      name: 'The reading room',
      consent: 'given',
      redirectUris: [`${readingRoom}/callback`],
      postLogoutRedirectUris: [`${readingRoom}/`],
      backchannelLogoutUri: `${readingRoom}/back-channel-logout`,
    })
    await start('server-side-app/app.ts', { CLIENT_ID: client.id, CLIENT_SECRET: secret ?? '', PORT })
  }

  async function startGarden(): Promise<void> {
    const PORT = String(await freePort())
    garden = `http://localhost:${PORT}`
    const { client, secret } = await newApplication({
      name: 'The garden',
      consent: 'given',
      authMethod: 'none',
      dpopBound: true,
      redirectUris: [`${garden}/`],
      postLogoutRedirectUris: [`${garden}/`],
    })
    assert.equal(secret, null)
    await start('single-page-app/server.ts', { CLIENT_ID: client.id, PORT })
  }

  before(async () => {
    suite = await startProgram('pglite', { STOA_WORK: 'true', STOA_PRIVATE_APPLICATIONS: 'true' })
    issuer = `${suite.program.url}/t/${suite.tenants.pooled.slug}`
    email = await personWithPassword(suite, suite.tenants.pooled)
    await startReadingRoom()
    await startGarden()
    browser = await openBrowser(await provideBrowser())
  })
  after(async () => {
    await browser?.[Symbol.asyncDispose]()
    await Promise.all(running.map((one) => one[Symbol.asyncDispose]()))
    await suite?.[Symbol.asyncDispose]()
  })

  /** Across pages: what is asked while one goes is asked again. */
  const until = (page: OpenPage, expression: string) => eventually(() => page.evaluate(expression).catch(() => false))
  const shows = (page: OpenPage, at: string, text: string) =>
    until(
      page,
      `location.origin === ${JSON.stringify(at)} && document.body.textContent.includes(${JSON.stringify(text)})`,
    )
  const press = (page: OpenPage, selector: string) => page.evaluate(`document.querySelector('${selector}').click()`)

  /** Types the password at Stoa, and is sent back. */
  async function proveIt(page: OpenPage): Promise<void> {
    await until(page, `location.pathname.endsWith('/sign-in') && document.readyState === 'complete'`)
    await page.evaluate(`document.getElementById('email').value = ${JSON.stringify(email)}`)
    await page.evaluate(`document.getElementById('password').value = ${JSON.stringify(PASSWORD)}`)
    await press(page, 'button.main')
  }

  /** Confirms at Stoa that one wants to be signed out of everything. */
  async function confirmSignOut(page: OpenPage): Promise<void> {
    await until(page, `location.pathname.endsWith('/session/end') && document.readyState === 'complete'`)
    await press(page, 'button.main')
  }

  const signInPages = ({ requests }: OpenPage) => requests.filter((url) => url.startsWith(`${issuer}/sign-in`))

  it('signed in at one with a server, one is signed in at the one in the browser; signed out there, it notices', async () => {
    const [one, other] = [await browser.newTab(), await browser.newTab()]
    await one.open(`${readingRoom}/`)
    await press(one, 'a')
    await proveIt(one)
    await shows(one, readingRoom, email)
    await other.open(`${garden}/`)
    await shows(other, garden, 'You are not signed in.')
    await press(other, '#sign-in')
    await shows(other, garden, email)
    assert.deepEqual(signInPages(other), [], 'nobody was asked for a password again')
    await press(one, 'button')
    await confirmSignOut(one)
    await shows(one, readingRoom, 'You are not signed in.')
    await shows(other, garden, 'You were signed out.')
    assert.deepEqual(one.errors, [])
  })

  it('signed in at the one in the browser, one is signed in at the other; signed out there, the other is told', async () => {
    const [one, other] = [await browser.newTab(), await browser.newTab()]
    await one.open(`${garden}/`)
    await until(one, `document.getElementById('sign-in')?.hidden === false`)
    await press(one, '#sign-in')
    await proveIt(one)
    await shows(one, garden, email)
    await other.open(`${readingRoom}/`)
    await press(other, 'a')
    await shows(other, readingRoom, email)
    assert.deepEqual(signInPages(other), [], 'nobody was asked for a password again')
    await press(one, '#sign-out')
    await confirmSignOut(one)
    await shows(one, garden, 'You are not signed in.')
    await eventually(async () => {
      await other.open(`${readingRoom}/`)
      return await other.evaluate(`document.body.textContent.includes('You are not signed in.')`)
    })
    assert.deepEqual([...one.errors, ...other.errors], [])
  })
})
