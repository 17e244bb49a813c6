import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Suite } from '@stoa/testkit'
import { provideBrowser } from '@stoa/testkit/servers'
import type { Stoa } from '../src/compose.ts'
import { openBrowser } from './browser.ts'
import { documentOf, startProgram } from './suite.ts'

type Paths = Readonly<Record<string, Readonly<Record<string, { readonly summary: string }>>>>

describe('the page about the API, in a browser', () => {
  let suite: Suite<Stoa>
  let browser: string
  before(async () => {
    browser = await provideBrowser()
    suite = await startProgram('pglite')
  })
  after(() => suite?.[Symbol.asyncDispose]())

  const open = async () => {
    const page = await openBrowser(browser)
    await page.open(`${suite.program.url}/docs`)
    await page.until(`/curl http/.test(document.body.innerText)`)
    return page
  }

  /** Of the operation that the page begins with. */
  const firstAddress = async (page: Awaited<ReturnType<typeof open>>) => {
    const [, address = ''] = /curl (http\S+) /.exec(String(await page.evaluate('document.body.innerText'))) ?? []
    return address
  }

  test('lists every operation, without an error, and asks nobody but this server', async () => {
    const { paths } = (await documentOf(suite)) as { readonly paths: Paths }
    const summaries = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ summary }) => summary))
    assert.ok(summaries.length > 10)
    await using page = await open()
    const listed = JSON.stringify(summaries)
    await page.until(`${listed}.every((summary) => document.body.textContent.includes(summary))`)
    const { url } = suite.program
    assert.deepEqual(page.requests, [`${url}/docs`, `${url}/docs/scalar.js`, `${url}/openapi.json`])
    assert.deepEqual(page.errors, [])
    assert.ok((await firstAddress(page)).startsWith(`${url}/api/v1/`))
  })

  test('tries an operation out on this server', async () => {
    await using page = await open()
    const click = (text: string) =>
      page.until(
        `(() => { const found = [...document.querySelectorAll('button')].find((button) => button.innerText.startsWith(${JSON.stringify(text)}))
          found?.click(); return found !== undefined })()`,
      )
    const address = await firstAddress(page)
    await click('Test Request')
    await click('Send')
    await page.until(`performance.getEntriesByName('${address}').length > 0`)
    assert.equal(page.requests.at(-1), address)
  })

  test('reaches nobody else, whatever a script on it would like to do', async () => {
    await using page = await open()
    const asked = page.requests.length
    for (const attempt of [
      `fetch('https://example.com/').then(() => 'sent', () => 'kept')`,
      `new Promise((resolve) => { const image = new Image(); image.onload = () => resolve('sent'); image.onerror = () => resolve('kept'); image.src = 'https://example.com/a.png' })`,
      `new Promise((resolve) => { const script = document.createElement('script'); script.onload = () => resolve('sent'); script.onerror = () => resolve('kept'); script.src = 'https://example.com/a.js'; document.head.append(script) })`,
      `(() => { try { eval('1'); return 'sent' } catch { return 'kept' } })()`,
    ]) {
      assert.equal(await page.evaluate(attempt), 'kept', attempt)
    }
    const reached = page.requests.slice(asked).filter((url) => !url.startsWith('https://example.com/'))
    assert.deepEqual(reached, [])
    const forbidden = page.errors.filter((error) => /Content Security Policy/.test(error))
    assert.ok(forbidden.length >= 3, page.errors.join('\n'))
  })
})
