/*
 * The two applications of examples/, as their users have them: processes of their own, one session at Stoa, in a real
 * browser with a tab for each.
 */
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, hash, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { eventually, type Suite } from '@stoa/testkit'
import { provideBrowser } from '@stoa/testkit/servers'
import type { Stoa } from '../src/compose.ts'
import { type OpenPage, openBrowser } from './browser.ts'
import { freePort, PASSWORD, personWithPassword } from './people-at-pages.ts'
import { type Running, run } from './running.ts'
import { startProgram } from './suite.ts'

/** Of the organisation, for its issuer. */
const OWN_HOST = 'id.example.com'
const EXAMPLES = join(import.meta.dirname, '../../../examples')

interface Made {
  readonly client: { readonly id: string }
  readonly secret: string | null
}

/** An application that says who it is, and no more. */
async function listening() {
  const server = createServer((_request, response) => response.end('<title>desk</title>The desk: desk'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://localhost:${(server.address() as AddressInfo).port}`
  return { url, [Symbol.asyncDispose]: async () => void server.close() }
}

describe('two applications share one session', () => {
  let suite: Suite<Stoa>
  let browser: OpenPage & AsyncDisposable
  let issuer: string
  let readingRoom: string
  let garden: string
  let readingRoomId: string
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
    readingRoomId = client.id
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
    const settings = { STOA_PRIVATE_APPLICATIONS: 'true', STOA_ISSUER_HOST_PROOF: 'none' }
    suite = await startProgram('pglite', { STOA_WORK: 'true', ...settings })
    issuer = `${suite.program.url}/t/${suite.tenants.pooled.slug}`
    email = await personWithPassword(suite, suite.tenants.pooled)
    await startReadingRoom()
    await startGarden()
    browser = await openBrowser(await provideBrowser(), { [OWN_HOST]: Number(new URL(suite.program.address).port) })
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

  /** Logout tokens that the provider has not made, as whoever knows its key set and a session can write them. */
  async function forgedLogouts(sid: string): Promise<string[]> {
    const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string }[] }
    const [{ kid }] = keys as [{ kid: string }]
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const now = Math.floor(Date.now() / 1_000)
    const claims = {
      ...{ iss: issuer, aud: readingRoomId, sid, jti: randomUUID(), iat: now, exp: now + 120 },
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    }
    const text = (alg: string) => `${part({ alg, typ: 'logout+jwt', kid })}.${part(claims)}`
    const signature = sign('sha256', Buffer.from(text('ES256')), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    const secret = createHmac('sha256', JSON.stringify(keys[0])).update(text('HS256')).digest('base64url')
    return [`${text('ES256')}.${signature.toString('base64url')}`, `${text('none')}.`, `${text('HS256')}.${secret}`]
  }

  const signInPages = ({ requests }: OpenPage) => requests.filter((url) => url.startsWith(`${issuer}/sign-in`))

  it('say in one sentence that they are told of no issuer, and of no client', async () => {
    const { HOME = '', PATH = '' } = process.env
    const both = { CLIENT_ID: readingRoomId, CLIENT_SECRET: 'x' }
    for (const [file, env, said] of [
      [
        'server-side-app/app.ts',
        { ...both, ISSUER: `${issuer}x` },
        /^There is no issuer at ISSUER=.*x \(.+\)\. Does Stoa run/,
      ],
      ['server-side-app/app.ts', { ...both, ISSUER: 'nowhere' }, /^There is no issuer at ISSUER=nowhere/],
      ['server-side-app/app.ts', {}, /^Set CLIENT_ID and CLIENT_SECRET/],
      ['single-page-app/server.ts', {}, /^Set CLIENT_ID:/],
      ['single-page-app/server.ts', { ...both, ISSUER: 'nowhere' }, /^ISSUER=nowhere is no address/],
    ] as const) {
      await using one = run(process.execPath, [join(EXAMPLES, file)], { env: { HOME, PATH, ...env } })
      assert.equal(await one.exit, 1, file)
      assert.match(one.stderr, said)
      assert.equal(one.stderr.trim().split('\n').length, 1, one.stderr)
    }
    const PORT = String(await freePort())
    await using garden = run(process.execPath, [join(EXAMPLES, 'single-page-app/server.ts')], {
      env: { HOME, PATH, CLIENT_ID: 'x', ISSUER: `${issuer}x`, PORT },
    })
    await garden.printed(/^ready at/m)
    const page = await browser.newTab()
    await page.open(`http://localhost:${PORT}/`)
    await shows(page, `http://localhost:${PORT}`, `There is no issuer at ${issuer}x.`)
  })

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

  it('logout token forgery: what the provider has not signed signs nobody out', async () => {
    const page = await browser.newTab()
    await page.open(`${readingRoom}/`)
    await press(page, 'a')
    await proveIt(page)
    await shows(page, readingRoom, email)
    const sessions = await suite.program.db.admin((session) =>
      session.query<{ id: string }>(
        'select s.id from stoa.sessions s join stoa.people p on p.id = s.person_id where p.email = $1',
        [email],
      ),
    )
    assert.equal(sessions.length, 1)
    for (const logout_token of await forgedLogouts(String(sessions[0]?.id))) {
      const body = new URLSearchParams({ logout_token })
      const told = await fetch(`${readingRoom}/back-channel-logout`, { method: 'POST', body })
      assert.equal(told.status, 400, logout_token)
    }
    await page.open(`${readingRoom}/`)
    await shows(page, readingRoom, email)
    await press(page, 'button')
    await confirmSignOut(page)
    await shows(page, readingRoom, 'You are not signed in.')
  })

  it('one signs in and out at the host of the organisation’s own, when the issuer has moved there', async () => {
    const client = await suite.client()
    const { body: host } = await client.created<{ id: string; issuer: string }>('/api/v1/issuer-hosts', {
      host: OWN_HOST,
    })
    assert.equal((await client.send('POST', `/api/v1/issuer-hosts/${host.id}/activation`)).status, 200)
    await using desk = await listening()
    const { client: made, secret } = await newApplication({
      ...{ name: 'The desk', consent: 'given', redirectUris: [`${desk.url}/callback`] },
      postLogoutRedirectUris: [`${desk.url}/`],
    })
    const verifier = 'v'.repeat(43)
    const asked = new URLSearchParams({
      ...{ client_id: made.id, response_type: 'code', scope: 'openid', redirect_uri: `${desk.url}/callback` },
      ...{ code_challenge: hash('sha256', verifier, 'base64url'), code_challenge_method: 'S256' },
    })
    const page = await browser.newTab()
    await page.open(`${host.issuer}/authorize?${asked}`)
    await until(page, `location.origin === ${JSON.stringify(host.issuer)}`)
    await proveIt(page)
    await shows(page, desk.url, 'desk')
    const back = new URL(String(await page.evaluate('location.href'))).searchParams
    assert.equal(back.get('iss'), host.issuer)
    const answer = await fetch(`${suite.program.url}/token`, {
      method: 'POST',
      headers: {
        'x-forwarded-host': OWN_HOST,
        authorization: `Basic ${Buffer.from(`${made.id}:${secret}`).toString('base64')}`,
      },
      body: new URLSearchParams({
        ...{ grant_type: 'authorization_code', code: back.get('code') ?? '', code_verifier: verifier },
        redirect_uri: `${desk.url}/callback`,
      }),
    })
    const tokens = (await answer.json()) as { readonly id_token?: string }
    assert.equal(answer.status, 200, JSON.stringify(tokens))
    // Signed in, and nothing wanted: a page of the host itself, which leads to the account.
    const other = await browser.newTab()
    await other.open(`${host.issuer}/`)
    await shows(other, host.issuer, email)
    await press(other, 'main a')
    await until(
      other,
      `location.href === ${JSON.stringify(`${issuer}/sign-in?continue=${encodeURIComponent(`${new URL(issuer).pathname}/account`)}`)}`,
    )
    const leaving = new URLSearchParams({
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: `${desk.url}/`,
    })
    await page.open(`${host.issuer}/session/end?${leaving}`)
    await confirmSignOut(page)
    await shows(page, desk.url, 'desk')
    // Once more, by way of the installation: where a passkey would be shown.
    await other.open(`${host.issuer}/home`)
    await until(other, `location.pathname === '/sign-in' && document.readyState === 'complete'`)
    await press(other, 'form[action^="/hand-over"] button')
    await until(other, `location.href.startsWith(${JSON.stringify(`${issuer}/sign-in`)})`)
    await proveIt(other)
    await until(other, `location.pathname.endsWith('/hand-over') && document.readyState === 'complete'`)
    await press(other, 'button.main')
    await shows(other, host.issuer, email)
    assert.deepEqual([...page.errors, ...other.errors], [])
  })
})
