import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { type PostgresServer, startPostgres } from '@stoa/testkit/servers'
import { newInstallation, type Up } from './program.ts'
import { underLoad, Writers } from './writers.ts'

interface Ready {
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>
}

/** What callers are told while the database is away: come again; and nothing of where it is. */
async function saysUnavailable(up: Up, server: PostgresServer): Promise<void> {
  const answers = await Promise.all([
    up.client().send('GET', '/api/v1/links'),
    up.client().send('POST', '/api/v1/links', { body: { target: 'https://example.com/' } }),
    up.client().send('GET', '/api/v1/audit'),
  ])
  for (const { body, headers, status } of answers) {
    assert.equal(status, 503)
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.ok(Number(headers.get('retry-after')) >= 1)
    assert.equal((body as { code: string }).code, 'unavailable')
    assert.ok(!JSON.stringify(body).includes(new URL(server.url).port))
  }
  const ready = await eventually(
    () => up.client(null).send<Ready>('GET', '/health/ready'),
    ({ status }) => status === 503,
  )
  assert.equal(ready.body.checks.database?.ok, false)
  await up.client(null).got('/health/live')
}

/** A program that signs in itself. @returns what asks for a token */
async function newProgram(up: Up): Promise<() => Promise<Response>> {
  const { body } = await up.client().created<{ client: { id: string }; secret: string }>('/api/v1/oauth-clients', {
    name: 'Night job',
    grantTypes: ['client_credentials'],
    scopes: ['links:read'],
  })
  const authorization = `Basic ${Buffer.from(`${body.client.id}:${body.secret}`).toString('base64')}`
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  return () => fetch(`${up.url}/t/demo/token`, { method: 'POST', headers: { authorization }, body: form })
}

/** The form of the sign-in page, opened while all was well. @returns what sends it */
async function openedForm(up: Up): Promise<() => Promise<Response>> {
  const url = `${up.url}/t/demo/sign-in`
  const page = await fetch(url)
  const cookie = page.headers.getSetCookie().map((one) => one.split(';')[0])
  const [, token = ''] = /name="token_form" value="([^"]*)"/.exec(await page.text()) ?? []
  const fields = { email: 'ann@example.org', password: 'a wrong password', token_form: token }
  return () => fetch(url, { method: 'POST', headers: { cookie: cookie.join('; ') }, body: new URLSearchParams(fields) })
}

/** Who signs in meanwhile is told the same, by the words of OAuth or a page. */
async function signsNobodyIn(
  up: Up,
  askForToken: () => Promise<Response>,
  sendForm: () => Promise<Response>,
): Promise<void> {
  const sent = await sendForm()
  assert.equal(sent.status, 503, await sent.text())
  const answer = await askForToken()
  assert.equal(answer.status, 503, await answer.clone().text())
  assert.ok(Number(answer.headers.get('retry-after')) >= 1)
  const page = await fetch(`${up.url}/t/demo/sign-in`, { headers: { accept: 'text/html' } })
  assert.equal(page.status, 503)
}

describe('PostgreSQL that goes away under load', () => {
  it('fails requests as unavailable, is found again by the program itself, and keeps every acknowledged write', async () => {
    await using server = await startPostgres()
    await using installation = await newInstallation('pglite', {
      empty: true,
      settings: { DATABASE_URL: server.url, STOA_DATABASE_POOL_SIZE: '4' },
    })
    const up = await installation.up()
    const askForToken = await newProgram(up)
    assert.equal((await askForToken()).status, 200)
    const sendForm = await openedForm(up)
    const writers = new Writers()
    await underLoad(up, writers, async (progress) => {
      await server.restart()
      await progress()
      await server.kill()
      await saysUnavailable(up, server)
      await signsNobodyIn(up, askForToken, sendForm)
      await server.restart()
    })
    const unavailable = writers.refusals.filter(({ status }) => status === 503)
    assert.ok(unavailable.length > 0, 'the server was away and no write was refused')
    for (const { body, headers } of unavailable) {
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
      assert.equal((body as { code: string }).code, 'unavailable')
    }
    // What a check found is told for a second more.
    await eventually(
      () => up.client(null).send<Ready>('GET', '/health/ready'),
      ({ status }) => status === 200,
    )
    assert.equal((await askForToken()).status, 200)
    assert.equal((await sendForm()).status, 422, 'the form that was open is taken again, and the password is wrong')
    assert.equal(await up.stop(), 0)
  })
})
