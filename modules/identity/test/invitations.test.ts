import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newPerson } from './person.ts'
import { describeOnEngines } from './setup.ts'
import { linkIn, newEmail, PASSWORD, register, signIn } from './story.ts'

const DAY_MS = 86_400_000

interface Invitation {
  readonly id: string
  readonly state: string
  readonly acceptedBy: string | null
}
interface Member {
  readonly id: string
  readonly email: string
  readonly roles: readonly string[]
}

describeOnEngines('invitations', (suite) => {
  async function setup(email = newEmail(), roles = ['viewer']) {
    const tenant = suite().tenants.pooled
    const manager = suite().as(tenant, '*')
    const before = suite().mails.filter(({ to }) => to.includes(email)).length
    const { body } = await manager.created<Invitation>('/api/v1/invitations', { email, roles })
    const mail = await suite().mailTo(email, before + 1)
    const state = async () => (await manager.got<Invitation>(`/api/v1/invitations/${body.id}`)).body
    const memberOf = async (address: string) => {
      const path = `/api/v1/members?q=${encodeURIComponent(address)}`
      return (await manager.got<{ readonly data: readonly Member[] }>(path)).body.data[0]
    }
    return { tenant, manager, email, id: body.id, mail, link: linkIn(mail), state, memberOf }
  }

  it('somebody new chooses a name and a password, and is a member and signed in', async () => {
    const { email, link, mail, memberOf, state, tenant } = await setup()
    assert.ok(mail.confidential, 'nobody who reads the mail of the organisation joins as them')
    const browser = suite().browser()
    assert.equal((await browser.open(link)).status, 200)
    assert.equal((await suite().browser().open(link)).status, 200, 'opening it uses nothing up')
    const page = await browser.submit({ name: 'Grace', password: PASSWORD })
    assert.match(page.path, /\/account/, page.text)
    const member = await memberOf(email)
    assert.deepEqual([member?.email, member?.roles], [email, ['viewer']])
    const { acceptedBy, state: stands } = await state()
    assert.deepEqual([stands, acceptedBy], ['accepted', member?.id])
    const events = await suite().events(({ subjects }) => subjects.includes(`person:${member?.id}`), 4)
    assert.ok(events.some(({ type }) => type === 'identity.invitation_accepted'))
    assert.ok(!JSON.stringify(events).includes(email), 'no addresses in the journal')
    assert.match((await signIn(suite().browser(), tenant, email)).path, /\/account/)
  })

  it('says who asks and to what, in their language or the one that they say, and never in that of an account', async () => {
    const tenant = suite().tenants.pooled
    await suite().as(tenant, 'identity:configure').put('/api/v1/identity/sign-in-settings', { displayName: 'Ac<me>' })
    const { id } = await newPerson(suite(), tenant, ['admin'])
    const call = (name: string, locale: string) =>
      suite().db.admin((session) =>
        session.query('update stoa.people set name = $2, locale = $3 where id = $1', [id, name, locale]),
      )
    const inviter = suite().bearer(`${tenant.slug} person ${id} *`)
    const mailOf = async (body: object, email = newEmail()) => {
      await inviter.created('/api/v1/invitations', { email, roles: ['viewer'], ...body })
      return await suite().mailTo(email)
    }
    await call('Ada <i>\r\nBcc: all\u202e', 'en')
    const english = await mailOf({})
    assert.equal(english.subject, 'Ada <i> Bcc: all invites you to Ac<me>')
    assert.match(english.text, /\n\nAda <i> Bcc: all asks you to join Ac<me>\./)
    assert.match(english.html, /<p>Ada &lt;i&gt; Bcc: all asks you to join Ac&lt;me&gt;\./)
    await call('अदिति', 'hi')
    const hindi = await mailOf({})
    assert.equal(hindi.subject, 'अदिति आपको Ac<me> में आमंत्रित करते हैं')
    assert.match((await mailOf({ locale: 'en' })).text, /अदिति asks you to join[\s\S]*&lang=en/)
    const known = newEmail()
    await register(suite(), suite().tenants.placed, suite().browser(), known)
    await suite().db.admin((session) => session.query(`update stoa.people set locale = 'en' where email = $1`, [known]))
    assert.equal((await mailOf({}, known)).subject, hindi.subject)
    const refused = await inviter.send('POST', '/api/v1/invitations', {
      body: { email: newEmail(), roles: ['viewer'], locale: 'xx' },
    })
    assert.equal(refused.status, 422)
    await suite().as(tenant, 'identity:configure').put('/api/v1/identity/sign-in-settings', { displayName: null })
    assert.match((await setup()).mail.subject, /^Join /, 'a key of nobody')
  })

  it('works once', async () => {
    const { link } = await setup()
    const browser = suite().browser()
    await browser.open(link)
    await browser.submit({ name: 'Grace', password: PASSWORD })
    for (const one of [browser, suite().browser()]) assert.equal((await one.open(link)).status, 410)
  })

  it('of two who use a link at once, one joins', async () => {
    const { link } = await setup()
    const both = [suite().browser(), suite().browser()]
    for (const one of both) await one.open(link)
    await Promise.all(both.map((one) => one.submit({ name: 'Grace', password: PASSWORD })))
    assert.equal(both.filter((one) => one.page.path.includes('/account')).length, 1)
  })

  it('ends: by time, by being taken back, and by a newer one for the address', async () => {
    const late = await setup()
    const revoked = await setup()
    assert.equal((await revoked.manager.send('DELETE', `/api/v1/invitations/${revoked.id}`)).status, 204)
    assert.equal((await suite().browser().open(revoked.link)).status, 410)
    const older = await setup()
    const newer = await setup(older.email)
    assert.equal((await suite().browser().open(older.link)).status, 410)
    assert.equal((await suite().browser().open(newer.link)).status, 200)
    assert.equal((await older.state()).state, 'revoked')
    suite().clock.advance(7 * DAY_MS + 1)
    assert.equal((await suite().browser().open(late.link)).status, 410)
    assert.equal((await late.state()).state, 'expired')
  })

  it('invitation to another e-mail: whoever is signed in as somebody else does not join by it', async () => {
    const { email, link, memberOf, state } = await setup()
    const { placed } = suite().tenants
    const browser = suite().browser()
    const other = await register(suite(), placed, browser)
    const page = await browser.open(link)
    assert.deepEqual([page.status, page.text.includes(email)], [403, true])
    // They send the form all the same.
    const [form] = browser.forms
    const token = new URLSearchParams(link.split('?')[1]).get('token') ?? ''
    const sent = await browser.post(link.split('?')[0] ?? '', { ...form?.fields, token })
    assert.equal(sent.status, 403, sent.text)
    assert.equal(await memberOf(other.email), undefined)
    assert.equal((await state()).state, 'pending')
  })

  it('somebody who has an account signs in, and joins by a click', async () => {
    const email = newEmail()
    await register(suite(), suite().tenants.placed, suite().browser(), email)
    const { link, memberOf } = await setup(email, ['member'])
    const browser = suite().browser()
    const page = await browser.open(link)
    assert.match(page.path, /\/sign-in/, page.text)
    await browser.submit({ email, password: PASSWORD })
    await browser.open(link)
    const joined = await browser.submit({ token: new URLSearchParams(link.split('?')[1]).get('token') ?? '' })
    assert.equal(joined.status, 200, joined.text)
    assert.deepEqual((await memberOf(email))?.roles, ['member'])
  })

  it('gives no more than who asked could give when it is used: they may be suspended by then, or may less', async () => {
    const tenant = suite().tenants.pooled
    const root = suite().as(tenant, '*')
    const any = { 'if-match': '*' }
    const invited = async () => {
      const { id } = await newPerson(suite(), tenant, ['admin'])
      const email = newEmail()
      const inviter = suite().bearer(`${tenant.slug} person ${id} *`)
      await inviter.created('/api/v1/invitations', { email, roles: ['admin'] })
      const link = linkIn(await suite().mailTo(email))
      const join = async () => {
        const browser = suite().browser()
        await browser.open(link)
        return (await browser.submit({ name: 'Grace', password: PASSWORD })).status
      }
      return { member: `/api/v1/members/${id}`, join }
    }
    const [suspended, demoted] = [await invited(), await invited()]
    const suspension = `${suspended.member}/suspension`
    assert.equal((await root.send('POST', suspension)).status, 200)
    assert.equal((await root.send('PATCH', demoted.member, { body: { roles: ['member'] }, headers: any })).status, 200)
    assert.deepEqual([await suspended.join(), await demoted.join()], [410, 410])
    assert.equal((await root.send('DELETE', suspension)).status, 200)
    assert.equal(await suspended.join(), 200, 'who asked may again')
  })

  it('a link of one tenant is nothing in another', async () => {
    const { link, tenant } = await setup()
    const { neighbour } = suite().tenants
    const elsewhere = link.replace(`/t/${tenant.slug}/`, `/t/${neighbour.slug}/`)
    assert.equal((await suite().browser().open(elsewhere)).status, 410)
  })

  it('a guessed token is nothing', async () => {
    const { tenant } = await setup()
    for (const token of ['', 'x', 'A'.repeat(43), "' or 1=1 --"]) {
      const path = `/t/${tenant.slug}/invitation?token=${encodeURIComponent(token)}`
      assert.equal((await suite().browser().open(path)).status, 410, token)
    }
  })

  it('is refused for who is a member', async () => {
    const { email, link, manager } = await setup()
    const browser = suite().browser()
    await browser.open(link)
    await browser.submit({ name: 'Grace', password: PASSWORD })
    const again = await manager.send<{ readonly code: string }>('POST', '/api/v1/invitations', {
      body: { email: email.toUpperCase(), roles: ['viewer'] },
    })
    assert.deepEqual([again.status, again.body.code], [409, 'already_member'])
  })
})
