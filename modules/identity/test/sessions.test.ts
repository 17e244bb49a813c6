import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { it } from 'node:test'
import { statement } from '@stoa/db'
import { endedRemoval, endSessionsByTime, idleRemoval, sessionLook } from '../src/sign-in/session-store.ts'
import { Sessions } from '../src/sign-in/sessions.ts'
import { describeOnEngines } from './setup.ts'
import { atApi, linkIn, newEmail, PASSWORD, register, signIn } from './story.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const PROOF = { amr: ['pwd'], acr: '1' } as const

describeOnEngines('sessions', (suite, itOnServer) => {
  const tenant = () => suite().tenants.pooled
  const account = () => `/t/${tenant().slug}/account`

  /** Begins a session of somebody new each time that it is called. */
  async function beginner(sessions: Sessions) {
    const { db } = suite()
    const ctx = suite().ctx(tenant())
    const { email } = await register(suite(), tenant(), suite().browser())
    const [person] = await db.admin((admin) =>
      admin.query<{ id: string }>('select id from stoa.people where email = $1', [email]),
    )
    const place = { device: '', addressPrefix: '' }
    return () => db.system(ctx, async (tx) => sessions.begin(ctx, tx, String(person?.id), PROOF, place))
  }

  it('are listed with browser and network, and ended one by one', async () => {
    const [laptop, phone] = [
      suite().browser(),
      suite().browser({ ip: '203.0.113.9', agent: 'Mozilla/5.0 (iPhone) Version/18.0 Mobile/1 Safari/604.1' }),
    ]
    const { email } = await register(suite(), tenant(), laptop)
    await signIn(phone, tenant(), email)
    const page = await laptop.open(account())
    assert.match(page.text, /Safari on iPhone/)
    assert.match(page.text, /203\.0\.113\.0\/24/)
    assert.ok(!page.text.includes('203.0.113.9'))
    await laptop.submit({ what: 'session' })
    assert.match((await phone.open(account())).path, /sign-in/)
    assert.match((await laptop.open(account())).path, /account/)
  })

  it('of somebody else cannot be ended', async () => {
    const [ann, bob] = [suite().browser(), suite().browser()]
    await register(suite(), tenant(), ann)
    const other = suite().browser()
    const { email } = await register(suite(), tenant(), bob)
    await signIn(other, tenant(), email)
    await bob.open(account())
    const id = bob.forms.find(({ fields }) => fields.what === 'session')?.fields.id as string
    await ann.open(account())
    const form = ann.forms.find(({ fields }) => fields.what === 'profile')
    await ann.post(account(), { ...form?.fields, what: 'session', id })
    await ann.post(account(), { ...form?.fields, what: 'session', id: "' or 1=1 --" })
    assert.match((await other.open(account())).path, /account/)
  })

  it('end when nobody uses them, and at the latest after their time', async () => {
    const [idle, busy] = [suite().browser(), suite().browser()]
    const { email } = await register(suite(), tenant(), idle)
    await signIn(busy, tenant(), email)
    for (let days = 0; days < 28; days += 4) {
      assert.match((await busy.open(account())).path, /account/, `${days}`)
      suite().clock.advance(4 * DAY_MS)
    }
    assert.match((await idle.open(account())).path, /sign-in/)
    suite().clock.advance(3 * DAY_MS)
    assert.match((await busy.open(account())).path, /sign-in/)
  })

  it('are deleted once their time is over, whoever is told of it by then; those that were used are looked at again', async () => {
    const { clock, db, journal } = suite()
    const sessions = new Sessions({ db, journal, idleMinutes: 60, days: 1 })
    const told: string[] = []
    sessions.onEnded((_ctx, _tx, ids) => void told.push(...ids))
    const ctx = suite().ctx(tenant())
    const begun = await beginner(sessions)
    const [idle, used, ended] = [await begun(), await begun(), await begun()]
    clock.advance(50 * MINUTE_MS)
    await sessions.find(ctx, used.token)
    await db.system(ctx, async (tx) => endSessionsByTime(tx, ended.session.personId, new Date(clock.now())))
    await db.admin((admin) =>
      admin.query('update stoa.sessions set ends_at = $2 where id = any ($1)', [
        [idle.session.id, used.session.id],
        new Date(clock.now() + DAY_MS),
      ]),
    )
    const after = async (minutes: number) => {
      clock.advance(minutes * MINUTE_MS)
      await sessions.endOverdue(ctx)
      return [idle, used, ended].map(({ session }) => told.includes(session.id))
    }
    assert.deepEqual(await after(0), [false, false, true])
    assert.deepEqual(await after(9), [false, false, true])
    assert.deepEqual(await after(1), [true, false, true])
    assert.deepEqual(await after(49), [true, false, true])
    assert.deepEqual(await after(1), [true, true, true])
  })

  itOnServer('that live are held up by nobody who is told of those that have ended', async () => {
    const { clock, db, journal } = suite()
    const sessions = new Sessions({ db, journal, idleMinutes: 60, days: 1 })
    const { promise: telling, resolve: tell } = Promise.withResolvers<void>()
    const { promise: goingOn, resolve: goOn } = Promise.withResolvers<void>()
    sessions.onEnded(() => {
      tell()
      return goingOn
    })
    const ctx = suite().ctx(tenant())
    const begun = await beginner(sessions)
    const [, used] = [await begun(), await begun()]
    clock.advance(50 * MINUTE_MS)
    await sessions.find(ctx, used.token)
    clock.advance(10 * MINUTE_MS)
    const ending = sessions.endOverdue(ctx)
    try {
      await Promise.race([telling, ending])
      const free = await db.admin((admin) =>
        admin.query('select id from stoa.sessions where id = $1 for update skip locked', [used.session.id]),
      )
      assert.equal(free.length, 1)
    } finally {
      goOn()
      await ending
    }
  })

  itOnServer('whose time is over are found by indexes among all that live', async () => {
    const { clock, db } = suite()
    const { email } = await register(suite(), tenant(), suite().browser())
    const now = new Date(clock.now())
    await db.admin(async (admin) => {
      await admin.query(
        `insert into stoa.sessions (id, token_hash, person_id, device, address_prefix, amr, acr, auth_time, idle_seconds,
           ends_at, seen_at, created_at, next_look_at)
         select gen_random_uuid(), sha256(n::text::bytea), people.id, '', '', '{pwd}', '1', $2, 3600,
           $2::timestamptz + make_interval(secs => n), $2, $2, $2::timestamptz + make_interval(secs => n)
         from stoa.people, generate_series(1, 20000) n where email = $1`,
        [email, now],
      )
      await admin.exec('analyze stoa.sessions')
    })
    const planOf = async (query: { readonly sql: string; readonly parameters: readonly unknown[] }) => {
      const explained = statement<unknown[], Record<string, string>>(`explain ${query.sql}`)
      const rows = await db.system(suite().ctx(tenant()), (tx) => tx.many(explained(...query.parameters)))
      return rows.flatMap((row) => Object.values(row)).join('\n')
    }
    for (const [query, index] of [
      [endedRemoval(now, 500), 'sessions_by_end'],
      [sessionLook(now, 500), 'sessions_by_look'],
      [
        idleRemoval(
          now,
          Array.from({ length: 10 }, () => randomUUID()),
        ),
        'sessions_pkey',
      ],
    ] as const) {
      const plan = await planOf(query)
      assert.match(plan, new RegExp(`Scan (using|on) ${index}`), plan)
      assert.doesNotMatch(plan, /Seq Scan on sessions/, plan)
    }
  })

  it('end with a change of the password, but for the one that changes it', async () => {
    const [here, there] = [suite().browser(), suite().browser()]
    const { email } = await register(suite(), tenant(), here)
    await signIn(there, tenant(), email)
    await here.open(account())
    const done = await here.submit({ what: 'password', current: PASSWORD, password: 'another walk by the lake' })
    assert.match(done.path, /done=password/)
    assert.match((await here.open(account())).path, /account/)
    assert.match((await there.open(account())).path, /sign-in/)
    assert.equal((await signIn(suite().browser(), tenant(), email, PASSWORD)).status, 422)
  })

  it('stand in the journal, with network and browser and no secret', async () => {
    const browser = suite().browser({ ip: '198.51.100.77' })
    const { email } = await register(suite(), tenant(), browser)
    await browser.submit({})
    const events = await suite().events(
      ({ type, data }) => type === 'identity.signed_in' && data.addressPrefix === '198.51.100.0/24',
      1,
    )
    const [signedIn] = events
    assert.equal(signedIn?.data.device, 'Firefox on Linux')
    assert.equal(signedIn?.actor.type, 'person')
    await suite().events(
      ({ type, data }) => type === 'identity.session_ended' && data.sessionId === signedIn?.data.sessionId,
      1,
    )
    assert.ok(!JSON.stringify(events).includes(email))
    assert.ok(!JSON.stringify(events).includes('198.51.100.77'))
    // The audit trail tells it of all that happened there alike, whatever their data say.
    const subject = `person:${signedIn?.data.personId}`
    const trail = await suite().journal.audit(suite().ctx(tenant()), { subject })
    const places = new Map(trail.events.map((event) => [event.type.slice('identity.'.length), event.place]))
    const at = { addressPrefix: '198.51.100.0/24', device: 'Firefox on Linux' }
    for (const type of ['person_added', 'member_added', 'signed_in', 'session_ended']) {
      assert.deepEqual(places.get(type), at, type)
    }
  })

  it('of a new browser are told by mail, and not those of the first one', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    await signIn(suite().browser({ agent: 'curl/8' }), tenant(), email)
    const mail = await suite().mailAbout(email, /new sign-in/)
    assert.match(mail.text, /curl/)
    const before = suite().mails.length
    await browser.open(`/t/${tenant().slug}/sign-out`)
    await browser.submit({})
    await signIn(browser, tenant(), email)
    assert.equal(suite().mails.length, before)
  })

  it('hold for every tenant that somebody belongs to, and say where they do not belong', async () => {
    const { neighbour, pooled } = suite().tenants
    const browser = suite().browser()
    await register(suite(), pooled, browser)
    const stranger = await browser.open(`/t/${neighbour.slug}/sign-in`)
    assert.equal(stranger.status, 403)
    assert.match(stranger.text, /not a member|do not belong/)
    await suite().as(neighbour, 'identity:configure').put('/api/v1/identity/sign-in-settings', { registration: 'open' })
    await browser.open(`/t/${neighbour.slug}/home`)
    assert.match((await browser.submit({})).path, /neighbour\/(account|sign-in)/)
  })

  it('of who asks for another address go on; the address changes when its link is followed', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    const next = newEmail()
    await browser.open(account())
    assert.equal((await browser.submit({ what: 'email', email: next })).status, 200)
    await browser.open(linkIn(await suite().mailTo(next)))
    assert.match((await browser.submit({})).path, /account/)
    await suite().mailAbout(email, /address was changed/)
    assert.equal((await signIn(suite().browser(), tenant(), email)).status, 422)
    assert.match((await signIn(suite().browser(), tenant(), next)).path, /account/)
  })

  it('take another address from who has proven of late who they are, and from nobody else', async () => {
    const browser = suite().browser()
    await register(suite(), tenant(), browser)
    const next = newEmail()
    await browser.open(account())
    const open = browser.forms.find(({ fields }) => fields.what === 'email')
    suite().clock.advance(660_000)
    const asked = await browser.post(account(), { ...open?.fields, email: next })
    assert.match(asked.path, /step-up/, 'a form that was open is sent')
    const page = await browser.open(account())
    assert.ok(!browser.forms.some(({ fields }) => fields.what === 'email'))
    await browser.open(/href="([^"]*step-up[^"]*)"/.exec(page.html)?.[1] ?? assert.fail(page.html))
    assert.match(browser.page.html, /href="[^"]*\/reset"/, 'for who has no password')
    assert.equal((await browser.submit({ password: 'wrong password' })).status, 422)
    assert.match((await browser.submit({ password: PASSWORD })).path, /account/)
    assert.ok(!suite().mails.some(({ to }) => to.includes(next)))
    assert.equal((await browser.submit({ what: 'email', email: next })).status, 200)
    await suite().mailTo(next)
  })

  it('answers alike whether a wanted address is taken, and changes nothing', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    const { email: taken } = await register(suite(), tenant(), suite().browser())
    await browser.open(account())
    const page = await browser.submit({ what: 'email', email: taken })
    assert.equal(page.status, 200)
    assert.match((await signIn(suite().browser(), tenant(), email)).path, /account/)
  })

  it('are seen and ended over the API by their owner, and a program has none', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    const people = await suite().db.admin((session) =>
      session.query<{ id: string }>('select id from stoa.people where email = $1', [email]),
    )
    const id = people[0]?.id ?? ''
    const client = await atApi(suite(), tenant(), id)
    assert.equal((await client.get('/api/v1/me')).body.person.email, email)
    const { body } = await client.get('/api/v1/me/sessions')
    assert.deepEqual([body.data.length, body.data[0].device, body.data[0].amr], [1, 'Firefox on Linux', ['pwd']])
    assert.ok(!('tokenHash' in body.data[0]))
    const program = suite().as(tenant(), 'identity:self')
    assert.deepEqual((await program.get('/api/v1/me/sessions')).body, { data: [] })
    assert.equal((await program.get('/api/v1/me')).body.person, null)
    assert.equal((await program.delete('/api/v1/me/sessions')).status, 204)
    assert.match((await browser.open(account())).path, /account/)
    assert.equal((await client.delete('/api/v1/me/sessions')).status, 204)
    assert.match((await browser.open(account())).path, /sign-in/)
  })

  it('and organisations are of the person: named and ended by a sign-in of their own, by no key and by nothing that counts in one organisation', async () => {
    type Answer = { readonly code?: string; readonly name?: string; readonly data: readonly Record<string, unknown>[] }
    const { neighbour } = suite().tenants
    const [browser, other, stranger] = [suite().browser(), suite().browser(), suite().browser()]
    const { email } = await register(suite(), tenant(), browser)
    const { email: foreign } = await register(suite(), tenant(), stranger)
    await suite()
      .as(neighbour, '*')
      .created('/api/v1/members', { email, name: 'There', roles: ['viewer'] })
    await signIn(other, tenant(), email)
    const rows = await suite().db.admin((session) =>
      session.query<{ id: string; sid: string; email: string }>(
        'select p.id, email, s.id as sid from stoa.people p join stoa.sessions s on s.person_id = p.id where email = any($1)',
        [[email, foreign]],
      ),
    )
    const [{ id = '', sid: kitchen = '' } = {}, { sid: desk = '' } = {}] = rows.filter((row) => row.email === email)
    const { id: bob, sid: strange } = rows.find((row) => row.email === foreign) ?? assert.fail()
    const asked = (as: ReturnType<typeof client>, method: string, path: string, body?: object) =>
      as.send<Answer>(method, `/api/v1/me/${path}`, { ...(body && { body }) })
    const client = (session?: string) => suite().asPerson(tenant(), id, session)
    const bind = (to: string | null) =>
      suite().db.admin((session) =>
        session.query('update stoa.sessions set bound_tenant_id = $1 where id = $2', [to, kitchen]),
      )
    const all = [
      ['GET', 'sessions'],
      ['PATCH', `sessions/${desk}`, { name: 'Mine' }],
      ['DELETE', `sessions/${desk}`],
      ['DELETE', 'sessions'],
      ['GET', 'organisations'],
    ] as const
    const refused = async (as: ReturnType<typeof client>, what: string) => {
      for (const [method, path, body] of all) {
        const { body: answer, status } = await asked(as, method, path, body)
        assert.deepEqual([status, answer.code], [403, 'own_session_required'], `${what}: ${method} ${path}`)
      }
    }
    await refused(client(), 'a key')
    await refused(client(strange), 'a session of somebody else')
    await refused(client(id), 'a session that is over')
    await bind(tenant().id)
    await refused(client(kitchen), 'what a provider of the organisation vouches for')
    await bind(null)
    const own = client(kitchen)
    const organisations = (await asked(own, 'GET', 'organisations')).body.data
    assert.deepEqual(
      organisations.map(({ isCurrent, slug }) => [slug, isCurrent]).sort(),
      [
        [neighbour.slug, false],
        [tenant().slug, true],
      ].sort(),
    )
    assert.match(String(organisations[0]?.url), /\/t\/[a-z]+\/home$/)
    assert.equal((await asked(own, 'PATCH', `sessions/${kitchen}`, { name: ' Kitchen ' })).body.name, 'Kitchen')
    for (const name of ['', ' ', 'x'.repeat(101), 5, 'a\u0000']) {
      const { body } = await asked(own, 'PATCH', `sessions/${kitchen}`, { name })
      assert.equal(body.code, 'validation_failed', String(name))
    }
    assert.equal((await asked(own, 'PATCH', `sessions/${kitchen}`, { name: null })).body.name, null)
    for (const nobody of [suite().asPerson(tenant(), bob, strange), suite().as(tenant(), 'identity:self')]) {
      assert.equal(
        (await asked(nobody, 'PATCH', `sessions/${kitchen}`, { name: 'Mine' })).body.code,
        'session_not_found',
      )
      assert.equal((await asked(nobody, 'DELETE', `sessions/${kitchen}`)).body.code, 'session_not_found')
    }
    assert.equal((await asked(own, 'DELETE', `sessions/${desk}`)).status, 204)
    assert.equal((await asked(own, 'DELETE', `sessions/${desk}`)).body.code, 'session_not_found')
    assert.deepEqual(
      (await asked(own, 'GET', 'sessions')).body.data.map((one) => one.id),
      [kitchen],
    )
  })

  it('are shown in the language that a person has chosen', async () => {
    const browser = suite().browser({ language: 'hi-IN,hi;q=0.9,en;q=0.5' })
    const { pooled } = suite().tenants
    const page = await browser.open(`/t/${pooled.slug}/sign-in`)
    assert.match(page.html, /<html lang="hi">/)
    assert.match(page.text, /पासवर्ड/)
    assert.match((await browser.open(`/t/${pooled.slug}/sign-in?lang=en`)).html, /<html lang="en">/)
    const french = suite().browser({ language: 'fr' })
    await register(suite(), pooled, french)
    assert.match((await french.open(account())).html, /<html lang="en">/, 'which there is not')
    await french.submit({ what: 'profile', name: 'Ann', locale: 'hi' })
    assert.match((await french.open(account())).html, /<html lang="hi">/)
  })
})
