import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeOnEngines } from './setup.ts'
import { newEmail, PASSWORD, register, signIn } from './story.ts'

describeOnEngines('signing in', (suite) => {
  it('registers by a mailed link, signs out, and in again', async () => {
    const { tenants } = suite()
    const browser = suite().browser()
    const { email } = await register(suite(), tenants.pooled, browser)
    assert.match(browser.page.text, new RegExp(email))
    const out = await browser.submit({})
    assert.match(out.path, /sign-in\?done=out/)
    const account = await signIn(browser, tenants.pooled, email)
    assert.match(account.path, /\/account/)
    assert.equal(account.status, 200)
  })

  it('answers a wrong password and an unknown address alike', async () => {
    const { tenants } = suite()
    const { email } = await register(suite(), tenants.pooled, suite().browser())
    const wrong = await signIn(suite().browser(), tenants.pooled, email, 'not the password')
    const unknown = await signIn(suite().browser(), tenants.pooled, newEmail(), PASSWORD)
    assert.equal(wrong.status, 422)
    assert.equal(unknown.status, 422)
    const plain = (html: string) => html.replace(/value="[^"]*"/g, '')
    assert.equal(plain(wrong.html), plain(unknown.html))
  })
})
