import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeOnEngines } from './setup.ts'
import { linkIn, newEmail, PASSWORD, register, signIn } from './story.ts'

describeOnEngines('forms', (suite) => {
  const path = () => `/t/${suite().tenants.pooled.slug}/sign-in`

  it('are not taken without their token, and are shown again', async () => {
    const { pooled } = suite().tenants
    const { email } = await register(suite(), pooled, suite().browser())
    const browser = suite().browser()
    await browser.open(path())
    const page = await browser.post(path(), { email, password: PASSWORD })
    assert.equal(page.status, 403)
    assert.match(page.text, /Send it once more/)
    assert.match((await browser.submit({ email, password: PASSWORD })).path, /account/)
  })

  it('are not taken with the token of another browser: no page signs its readers in as somebody else', async () => {
    const { pooled } = suite().tenants
    const { email } = await register(suite(), pooled, suite().browser())
    const [attacker, victim] = [suite().browser(), suite().browser()]
    await attacker.open(path())
    await victim.open(path())
    const fields = attacker.forms[0]?.fields ?? {}
    assert.equal((await victim.post(path(), { ...fields, email, password: PASSWORD })).status, 403)
  })

  it('are not taken from pages of other origins, whatever they bring', async () => {
    const { pooled } = suite().tenants
    const { email } = await register(suite(), pooled, suite().browser())
    for (const headers of [
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { origin: 'null', 'sec-fetch-site': 'same-origin' },
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const browser = suite().browser()
      await browser.open(path())
      const page = await browser.submit({ email, password: PASSWORD }, headers)
      assert.equal(page.status, 403, JSON.stringify(headers))
    }
  })

  it('signing in begins a new session, whatever cookie was there before (session fixation)', async () => {
    const { pooled } = suite().tenants
    const { email } = await register(suite(), pooled, suite().browser())
    const browser = suite().browser()
    const planted = 'A'.repeat(43)
    browser.cookies.set('stoa-session', planted)
    await signIn(browser, pooled, email)
    assert.notEqual(browser.cookies.get('stoa-session'), planted)
    const other = suite().browser()
    other.cookies.set('stoa-session', planted)
    assert.match((await other.open(`/t/${pooled.slug}/account`)).path, /sign-in/)
  })

  it('lead back to paths of the tenant and to nothing else (open redirect)', async () => {
    const { neighbour, pooled } = suite().tenants
    const { email } = await register(suite(), pooled, suite().browser())
    const base = `/t/${pooled.slug}`
    for (const evil of [
      'https://evil.example/',
      '//evil.example/',
      `/\\evil.example`,
      `${base}/../../evil`,
      `${base}//evil.example`,
      `${base}/%0d%0aSet-Cookie:x=1\r\n`,
      `${base}@evil.example/`,
      `/t/${neighbour.slug}/authorize`,
      `javascript:alert(1)`,
    ]) {
      const browser = suite().browser()
      const page = await signIn(browser, pooled, email, PASSWORD, `?continue=${encodeURIComponent(evil)}`)
      assert.match(page.path, /^\/t\/pooled\/account/, evil)
    }
    const browser = suite().browser()
    const page = await signIn(
      browser,
      pooled,
      email,
      PASSWORD,
      `?continue=${encodeURIComponent(`${base}/interaction/x?y=1`)}`,
    )
    assert.match(page.html, /http-equiv="refresh" content="0;url=\/t\/pooled\/interaction\/x\?y=1"/)
  })

  it('escape whatever is typed into them, and whatever a person or a tenant is called', async () => {
    const { pooled } = suite().tenants
    const evil = `"><script>alert(1)</script>'`
    const browser = suite().browser()
    await browser.open(path())
    const page = await browser.submit({ email: evil, password: evil })
    assert.ok(!page.html.includes('<script'))
    await register(suite(), pooled, browser)
    await browser.submit({ what: 'profile', name: evil })
    assert.ok(!browser.page.html.includes('<script'))
    assert.match(browser.page.html, /&lt;script&gt;/)
    const settings = suite().as(pooled, 'identity:configure')
    await settings.put('/api/v1/identity/sign-in-settings', { displayName: evil })
    const shown = await suite().browser().open(path())
    assert.ok(!shown.html.includes('<script'))
    for (const bad of [
      { color: 'red;}body{display:none' },
      { color: '#FFFFFF' },
      { logoUrl: 'http://example.org/x.png' },
      { logoUrl: `https://example.org/"><script>` },
      { logoUrl: 'javascript:alert(1)' },
      { logoUrl: `https://example.org; script-src *` },
    ]) {
      assert.equal((await settings.put('/api/v1/identity/sign-in-settings', bad)).status, 422, JSON.stringify(bad))
    }
    await settings.delete('/api/v1/identity/sign-in-settings')
  })

  it('are on pages that nobody can frame, that run nothing and that are not kept', async () => {
    const page = await suite().browser().open(path())
    const policy = page.headers.get('content-security-policy') ?? ''
    for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]) {
      assert.ok(policy.includes(part), policy)
    }
    assert.ok(!/unsafe|script-src|sha256/.test(policy), policy)
    const nonceOf = ({ headers, html }: typeof page) => {
      const [, nonce = ''] =
        /style-src 'nonce-([A-Za-z0-9_-]{22})';/.exec(headers.get('content-security-policy') ?? '') ?? []
      assert.deepEqual(html.match(/<style[^>]*>/g), [`<style nonce="${nonce}">`])
      return nonce
    }
    const browser = suite().browser()
    const pages = [page, await browser.open(path()), await browser.submit({ email: 'a@example.org', password: 'b' })]
    assert.equal(new Set(pages.map(nonceOf)).size, 3, 'new each time')
    assert.equal(page.headers.get('x-frame-options'), 'DENY')
    assert.equal(page.headers.get('cache-control'), 'no-store')
    assert.equal(page.headers.get('referrer-policy'), 'same-origin')
  })

  it('role escalation by mass assignment: fields that a form does not have are not taken', async () => {
    const { pooled } = suite().tenants
    const browser = suite().browser()
    const email = newEmail()
    await register(suite(), pooled, suite().browser())
    await browser.open(`/t/${pooled.slug}/register`)
    const more = { roles: 'owner', role_names: 'owner', tenant: suite().tenants.neighbour.slug, suspendedAt: '' }
    const send = (fields: Record<string, string>) => {
      const form = browser.forms[0] ?? assert.fail(browser.page.text)
      return browser.post(form.action, { ...form.fields, ...fields, ...more })
    }
    assert.equal((await send({ email })).status, 200)
    await browser.open(linkIn(await suite().mailTo(email)))
    await send({ name: 'Ann', password: PASSWORD, email: 'owner@example.org' })
    const rows = await suite().db.admin((session) =>
      session.query<{ roles: string[]; tenant: string }>(
        `select m.role_names as roles, m.tenant_id as tenant from stoa.memberships m join stoa.people p on p.id = m.person_id
          where p.email = $1`,
        [email],
      ),
    )
    assert.deepEqual(rows, [{ roles: ['member'], tenant: pooled.id }])
  })

  it('set cookies that scripts cannot read, and that other sites do not post with', async () => {
    const browser = suite().browser()
    await register(suite(), suite().tenants.pooled, browser, newEmail())
    for (const cookie of browser.setCookies) assert.match(cookie, /; Path=\/; HttpOnly; SameSite=Lax/)
  })

  it('answer bodies that are no forms, and too long ones, with a problem', async () => {
    const send = (body: string, type: string) =>
      fetch(new URL(path(), suite().url), { method: 'POST', body, headers: { 'content-type': type } })
    assert.equal((await send('{}', 'application/json')).status, 415)
    assert.equal((await send(`email=${'x'.repeat(40_000)}`, 'application/x-www-form-urlencoded')).status, 413)
    assert.equal((await fetch(new URL(path(), suite().url), { method: 'DELETE' })).status, 405)
  })

  it('are not everywhere: a browser is told by a page where there is none, and led on from the address of the tenant itself', async () => {
    const { neighbour, pooled } = suite().tenants
    const base = `/t/${pooled.slug}`
    const browser = suite().browser()
    for (const path of [base, `${base}/`])
      assert.match((await browser.open(path)).path, new RegExp(`^${base}/sign-in`), path)
    await register(suite(), neighbour, browser)
    assert.equal((await browser.open(`/t/${neighbour.slug}`)).path, `/t/${neighbour.slug}/account`)
    const lost = await browser.open(`${base}/no-such/"><b>page`)
    assert.deepEqual([lost.status, lost.headers.get('content-type')], [404, 'text/html; charset=utf-8'])
    assert.match(lost.text, /There is no such page/)
    assert.match(lost.html, new RegExp(`href="${base}/home"`))
    assert.ok(!lost.html.includes('<b>'))
    for (const path of ['/t/nobody-there', '/t/nobody-there/sign-in', '/t/', '/t/%22']) {
      const nowhere = await suite().browser().open(path)
      assert.deepEqual([nowhere.status, nowhere.headers.get('content-type')], [404, 'text/html; charset=utf-8'], path)
      assert.match(nowhere.html, /<h1>There is no such page<\/h1>/)
      assert.match(nowhere.headers.get('content-security-policy') ?? '', /^default-src 'none'/)
      assert.deepEqual(nowhere.headers.getSetCookie(), [])
    }
  })

  it('are for browsers: a program gets a problem where nothing is, and from an issuer the address of what it can do', async () => {
    const base = `/t/${suite().tenants.pooled.slug}`
    const told = async (path: string, method: string) => {
      const answer = await fetch(new URL(path, suite().url), { method })
      const found = [answer.status, answer.headers.get('content-type')]
      assert.deepEqual(found, [404, 'application/problem+json; charset=utf-8'], `${method} ${path}`)
      return ((await answer.json()) as { detail: string }).detail
    }
    for (const method of ['GET', 'PUT']) {
      for (const path of [`${base}/nothing`, `${base}/token`, '/t/nobody-there', '/t/nobody-there/sign-in']) {
        assert.equal(await told(path, method), 'There is nothing here.', path)
      }
      for (const path of [base, `${base}/`]) {
        assert.ok((await told(path, method)).endsWith(`${base}/.well-known/openid-configuration`), path)
      }
    }
  })
})
