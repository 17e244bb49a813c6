import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeOnEngines } from './setup.ts'
import { linkIn, newEmail, PASSWORD, register, signIn } from './story.ts'

const NEW_PASSWORD = 'another walk along the sea'

describeOnEngines('resetting a password', (suite) => {
  async function setup() {
    const { pooled } = suite().tenants
    const owner = suite().browser()
    const { email } = await register(suite(), pooled, owner)
    const browser = suite().browser()
    const ask = async () => {
      await browser.open(`/t/${pooled.slug}/reset`)
      return await browser.submit({ email })
    }
    return { tenant: pooled, owner, email, browser, ask }
  }

  it('works by a mailed link, once, and ends every session unless asked not to', async () => {
    const { ask, browser, email, owner, tenant } = await setup()
    await ask()
    const link = linkIn(await suite().mailTo(email, 2))
    await browser.open(link)
    const done = await browser.submit({ password: NEW_PASSWORD })
    assert.match(done.path, /sign-in\?done=reset/, done.text)
    assert.match((await owner.open(`/t/${tenant.slug}/account`)).path, /sign-in/)
    assert.equal((await browser.open(link)).status, 410)
    assert.equal((await signIn(browser, tenant, email)).status, 422)
    assert.match((await signIn(browser, tenant, email, NEW_PASSWORD)).path, /account/)
    await suite().mailAbout(email, /password was changed/)
  })

  it('leaves sessions alone when asked to', async () => {
    const { ask, browser, email, owner, tenant } = await setup()
    await ask()
    await browser.open(linkIn(await suite().mailTo(email, 2)))
    const [form] = browser.forms
    assert.ok(form)
    const { everywhere: _, ...fields } = form.fields
    await browser.post(form.action, { ...fields, password: NEW_PASSWORD })
    assert.match((await owner.open(`/t/${tenant.slug}/account`)).path, /account/)
  })

  it('opening the link, as programs do that look into mail, does not use it up', async () => {
    const { ask, browser, email } = await setup()
    await ask()
    const link = linkIn(await suite().mailTo(email, 2))
    for (let times = 0; times < 3; times++) assert.equal((await suite().browser().open(link)).status, 200)
    await browser.open(link)
    assert.match((await browser.submit({ password: NEW_PASSWORD })).path, /done=reset/)
  })

  it('a newer link makes the older one useless', async () => {
    const { ask, email } = await setup()
    await ask()
    const first = linkIn(await suite().mailTo(email, 2))
    await ask()
    const second = linkIn(await suite().mailTo(email, 3))
    assert.equal((await suite().browser().open(first)).status, 410)
    assert.equal((await suite().browser().open(second)).status, 200)
  })

  it('a link is too old after an hour', async () => {
    const { ask, email } = await setup()
    await ask()
    const link = linkIn(await suite().mailTo(email, 2))
    suite().clock.advance(3_600_001)
    assert.equal((await suite().browser().open(link)).status, 410)
  })

  it('of two who use a link at once, one does', async () => {
    const { ask, email } = await setup()
    await ask()
    const link = linkIn(await suite().mailTo(email, 2))
    const both = [suite().browser(), suite().browser()]
    for (const one of both) await one.open(link)
    const pages = await Promise.all(both.map((one) => one.submit({ password: NEW_PASSWORD })))
    assert.deepEqual(pages.map(({ status }) => status).sort(), [200, 410])
  })

  it('says the same for an address that nobody has, and mails nobody', async () => {
    const { ask, email, tenant } = await setup()
    const known = await ask()
    const browser = suite().browser()
    const nobody = newEmail()
    await browser.open(`/t/${tenant.slug}/reset`)
    const unknown = await browser.submit({ email: nobody })
    assert.equal(unknown.status, known.status)
    assert.equal(unknown.text.replace(nobody, ''), known.text.replace(email, ''))
    await suite().mailTo(email, 2)
    assert.ok(!suite().mails.some(({ to }) => to.includes(nobody)))
  })

  it('takes no weak password, and the link still works after that', async () => {
    const { ask, browser, email } = await setup()
    await ask()
    await browser.open(linkIn(await suite().mailTo(email, 2)))
    for (const [password, words] of [
      ['short', /at least 8/],
      ['password123', /Many people/],
      ['aaaaaaaaaaaa', /Many people/],
      ['x'.repeat(257), /at most 256/],
      [email, /your name or address/],
    ] as const) {
      const page = await browser.submit({ password })
      assert.equal(page.status, 422)
      assert.match(page.text, words)
    }
    assert.match((await browser.submit({ password: NEW_PASSWORD })).path, /done=reset/)
  })

  it('mail about accounts is confidential: links are for who gets them alone', async () => {
    const { ask, email } = await setup()
    await ask()
    await suite().mailTo(email, 2)
    assert.ok(suite().mails.every(({ confidential }) => confidential))
  })

  it('a link of one purpose is none of another', async () => {
    const { ask, email, tenant } = await setup()
    await ask()
    const token = new URL(linkIn(await suite().mailTo(email, 2)), 'http://x').searchParams.get('token')
    for (const path of ['verify', 'confirm-email']) {
      assert.equal((await suite().browser().open(`/t/${tenant.slug}/${path}?token=${token}`)).status, 410)
    }
  })

  it('passwords of other spellings of the same letters are the same', async () => {
    const { tenant } = await setup()
    const composed = 'Zürich im Frühling'.normalize('NFC')
    const { email } = await register(suite(), tenant, suite().browser(), newEmail(), composed)
    assert.match((await signIn(suite().browser(), tenant, email, composed.normalize('NFD'))).path, /account/)
    assert.notEqual(composed, PASSWORD)
  })
})
