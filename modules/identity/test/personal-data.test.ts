import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeOnEngines } from './setup.ts'
import { newEmail, PASSWORD, register, signIn } from './story.ts'

const MINUTE_MS = 60_000

describeOnEngines('what is kept about somebody', (suite) => {
  const tenant = () => suite().tenants.pooled
  const page = (name: string) => `/t/${tenant().slug}/${name}`
  const idOf = async (email: string) => {
    const rows = await suite().db.admin((session) =>
      session.query<{ id: string }>('select id from stoa.people where email = $1', [email]),
    )
    return rows[0]?.id
  }
  const roles = async (email: string, role: string) => {
    const id = (await idOf(email)) ?? assert.fail(email)
    const member = await suite().as(tenant(), '*').get(`/api/v1/members/${id}`)
    const headers = { 'if-match': member.headers.get('etag') ?? '' }
    const body = { roles: [role] }
    const { status } = await suite().as(tenant(), '*').send('PATCH', `/api/v1/members/${id}`, { body, headers })
    assert.equal(status, 200)
  }

  it('is a file for who has proven of late who they are', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    await roles(email, 'admin')
    suite().clock.advance(11 * MINUTE_MS)
    assert.match((await browser.open(page('personal-data'))).path, /step-up/)
    await browser.submit({ password: PASSWORD })
    assert.match((await browser.open(page('personal-data'))).path, /personal-data/)
    const file = await browser.submit({ what: 'export' })
    assert.match(file.headers.get('content-disposition') ?? '', /attachment/)
    const data = JSON.parse(file.html)
    assert.deepEqual([data.person.email, data.sessions.length, data.password.length], [email, 1, 1])
    const events = data.events[tenant().slug] as { type: string; place: object | null }[]
    const placeOf = (type: string) => events.find((event) => event.type === type)?.place
    assert.match(JSON.stringify(placeOf('identity.signed_in')), /Firefox on Linux/)
    assert.match(JSON.stringify(placeOf('identity.export_requested')), /Firefox on Linux/, 'that they got it, too')
    // Whoever gave them the role was somewhere, too, and that is theirs.
    assert.equal(placeOf('identity.member_changed'), null)
    assert.ok(!/argon2|token_?hash/i.test(file.html))
  })

  it('is deleted at their wish, at once and everywhere, and they are told', async () => {
    const [browser, phone] = [suite().browser(), suite().browser()]
    const { email } = await register(suite(), tenant(), browser)
    await signIn(phone, tenant(), email)
    const id = await idOf(email)
    await browser.open(page('personal-data'))
    assert.equal((await browser.submit({ what: 'erase' })).status, 422)
    assert.match((await browser.submit({ what: 'erase', sure: 'yes' })).text, /has been deleted/)
    assert.equal(await idOf(email), undefined)
    for (const one of [browser, phone]) assert.match((await one.open(page('account'))).path, /sign-in/)
    assert.equal((await signIn(suite().browser(), tenant(), email)).status, 422)
    await suite().mailAbout(email, /account was deleted/)
    const events = await suite().events(({ subjects }) => subjects.includes(`person:${id}`), 4)
    assert.ok(!JSON.stringify(events).includes(email))
    await suite().events(({ data, type }) => type === 'identity.person_erased' && data.personId === id, 1)
    // The address is nobody's, and somebody may begin anew with it.
    await register(suite(), tenant(), suite().browser(), newEmail())
  })

  it('stays while they are the last owner, and they cannot leave either', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    await roles(email, 'owner')
    await browser.open(page('personal-data'))
    const refused = await browser.submit({ what: 'erase', sure: 'yes' })
    assert.equal(refused.status, 422)
    assert.match(refused.text, /last owner/)
    await browser.open(page('account'))
    assert.match((await browser.submit({ what: 'leave' })).text, /last owner/)
    assert.ok(await idOf(email))
    await roles(email, 'member').catch(() => undefined)
  })

  it('is left behind by leaving: the membership goes, and the account stays', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    await browser.open(page('account'))
    await browser.submit({ what: 'name', label: 'Desk' })
    assert.match(browser.page.text, /Desk \(Firefox on Linux\)/)
    await browser.submit({ what: 'leave' })
    assert.ok(await idOf(email))
    const { body } = await suite()
      .as(tenant(), '*')
      .get(`/api/v1/members?q=${encodeURIComponent(email)}`)
    assert.deepEqual(body.data, [])
  })
})
