/* The pages of an organisation, looked at by axe (WCAG 2.2, A and AA) in a real browser: light and dark, each language. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually, type Suite, type TestClient } from '@stoa/testkit'
import { provideBrowser } from '@stoa/testkit/servers'
import type { Stoa } from '../src/compose.ts'
import { type OpenPage, openBrowser } from './browser.ts'
import { PASSWORD, personWithLink } from './people-at-pages.ts'
import { startProgram } from './suite.ts'

/** Of the organisation, for its issuer. */
const OWN_HOST = 'id.example.com'
const HOSTS = '/api/v1/issuer-hosts'
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

describe('the pages of an organisation, by axe', () => {
  let suite: Suite<Stoa>
  let page: OpenPage & AsyncDisposable
  let axe: string
  let base: string
  let client: TestClient
  before(async () => {
    axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
    suite = await startProgram('pglite', { STOA_ISSUER_HOST_PROOF: 'none' })
    base = `${suite.program.url}/t/${suite.tenants.pooled.slug}`
    client = await suite.client()
    const path = '/api/v1/identity/sign-in-settings'
    // A colour that is bad for text of either kind.
    const body = { registration: 'open', color: '#777777' }
    assert.equal((await client.send('PUT', path, { headers: { 'if-match': '"0"' }, body })).status, 200)
    const provider = { kind: 'google', name: 'Google', clientId: 'stoa', clientSecret: 'said-to-nobody' }
    await client.created('/api/v1/identity-providers', provider)
    page = await openBrowser(await provideBrowser(), { [OWN_HOST]: Number(new URL(suite.program.address).port) })
  })
  after(async () => {
    await page?.[Symbol.asyncDispose]()
    await suite?.[Symbol.asyncDispose]()
  })

  /** What axe finds wrong with the page that is open. */
  async function flaws(): Promise<string[]> {
    await page.evaluate(`${axe}; undefined`)
    const run = `axe.run(document, { runOnly: ${JSON.stringify(TAGS)} })
      .then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' | ')))`
    return (await page.evaluate(run)) as string[]
  }

  async function assertClean(path: string): Promise<void> {
    for (const scheme of ['light', 'dark']) {
      await page.command('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
      for (const lang of ['en', 'hi']) {
        await page.open(`${base}/${path}${path.includes('?') ? '&' : '?'}lang=${lang}`)
        assert.deepEqual(await flaws(), [], `${path} ${scheme} ${lang}`)
      }
    }
  }

  const fill = (fields: Record<string, string>) =>
    page.evaluate(
      Object.entries(fields)
        .map(([id, value]) => `document.getElementById('${id}').value = ${JSON.stringify(value)}`)
        .join(';'),
    )
  const press = () => page.evaluate(`document.querySelector('button.main').click()`)
  const until = (expression: string) => eventually(() => page.evaluate(expression).catch(() => false))

  for (const path of ['sign-in', 'register', 'reset', 'factor?step=x', 'verify?token=x']) {
    it(`${path} has no flaw`, () => assertClean(path))
  }

  it('a refusal has none, and the reader is led to its summary', async () => {
    await page.open(`${base}/sign-in`)
    await fill({ email: 'nobody@example.org', password: 'x' })
    await press()
    await until(`document.querySelector('.summary') !== null && document.readyState === 'complete'`)
    assert.deepEqual(await flaws(), [])
    assert.equal(await page.evaluate('document.activeElement.className'), 'summary')
    assert.match(String(await page.evaluate('document.title')), /^Error: /)
  })

  it('account and security have none', async () => {
    const { email, token } = await personWithLink(suite, suite.tenants.pooled)
    await assertClean(`reset?token=${token}`)
    await fill({ password: PASSWORD })
    await press()
    await until(`location.pathname.endsWith('/sign-in') && document.readyState === 'complete'`)
    await fill({ email, password: PASSWORD })
    await press()
    await until(`location.pathname.endsWith('/account') && document.readyState === 'complete'`)
    for (const path of ['account', 'security', 'step-up', 'sign-out']) await assertClean(path)

    const { body: host } = await client.created<{ id: string; issuer: string }>(HOSTS, { host: OWN_HOST })
    assert.equal((await client.send('POST', `${HOSTS}/${host.id}/activation`)).status, 200)
    await page.open(`${host.issuer}/sign-in`)
    assert.deepEqual(await flaws(), [], 'at a host of its own')
    await page.evaluate(`document.querySelector('form[action^="/hand-over"] button').click()`)
    await until(`location.pathname.endsWith('/hand-over') && document.querySelector('button.main') !== null`)
    assert.deepEqual(await flaws(), [], 'handing over')
    await press()
    await until(`location.href === '${host.issuer}/home' && document.readyState === 'complete'`)
    assert.deepEqual(await flaws(), [], 'handed over')
  })
})
