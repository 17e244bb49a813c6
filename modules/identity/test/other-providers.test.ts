/* Signing in by other providers, against one that signs properly and misbehaves as real ones do. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import type { Tenant } from '@stoa/kernel'
import { createFetcher, type Fetcher, type FetchRequest } from '@stoa/outbound'
import { totpCode, totpStep } from '../src/factors/totp.ts'
import { ask, newApplication } from './application.ts'
import type { Browser, SeenPage } from './browser.ts'
import { CLIENT, type Misbehaviour, OtherProvider } from './other-provider.ts'
import { describeOnEngines, runningClock, type Suite } from './setup.ts'
import { PASSWORD, register } from './story.ts'

const MICROSOFT = 'https://login.microsoftonline.com'

/** Requests go out as they do in earnest; but Microsoft is in this process. */
let other: OtherProvider
const real = createFetcher({ userAgent: 'test', maxRedirects: 0, timeoutMs: 1_000, isAllowed: () => true })
const fetcher: Fetcher = (url: string, request?: FetchRequest) => real(url.replace(MICROSOFT, other.url), request)

let subjects = 0

describeOnEngines(
  'other providers',
  (suite) => {
    const tenant = () => suite().tenants.pooled
    before(async () => {
      other = await OtherProvider.start()
    })
    after(() => other?.[Symbol.asyncDispose]())
    beforeEach(async () => {
      subjects += 1
      // A tenant has 20 at the most.
      await suite().db.admin((session) => session.query('delete from stoa.identity_providers'))
      other.wrong = {}
      other.issuer = other.url
      other.account = { sub: String(subjects), email: `over${subjects}@example.net`, email_verified: true }
    })

    async function newProvider(over: object = {}, own: Tenant = tenant()): Promise<string> {
      const body = { kind: 'openid', name: 'Elsewhere', issuer: other.issuer, ...CLIENT, ...over }
      const answer = await suite()
        .as(own, 'identity:configure')
        .send<{ id: string }>('POST', '/api/v1/identity-providers', { body })
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
      return answer.body.id
    }

    /** Goes over there, by the button of a page that is open. */
    async function leave(browser: Browser, id: string): Promise<URL> {
      const { action, fields } =
        browser.forms.find((one) => one.action.includes(`/with/${id}`)) ?? assert.fail(browser.page.text)
      return leadsTo(await browser.post(action, fields))
    }
    /** Comes back. */
    const back = (browser: Browser, url: URL) => browser.open(url.pathname + url.search)

    /** Signs in by the provider: what is shown then. */
    async function come(browser: Browser, id: string, query = ''): Promise<SeenPage> {
      await browser.open(`/t/${tenant().slug}/sign-in${query}`)
      return back(browser, other.visit(await leave(browser, id)))
    }

    /** Somebody who has linked their account over there. */
    async function linked(id: string) {
      const { email } = await register(suite(), tenant(), suite().browser())
      const browser = suite().browser()
      assert.match((await come(browser, id)).path, /\/connect\?token=/)
      await follow(browser, 'sign-in')
      const at = await browser.submit({ email, password: PASSWORD })
      await browser.open(leadsTo(at, suite().url).pathname + leadsTo(at, suite().url).search)
      await browser.submit({ token: tokenIn(browser.page) })
      assert.match(browser.page.path, /security\?done=connected/, browser.page.text)
      return { browser, email }
    }
    async function isSignedIn(browser: Browser, own: Tenant = tenant()): Promise<boolean> {
      return /\/account$/.test((await browser.open(`/t/${own.slug}/account`)).path)
    }
    /** Why people were not let in, as the journal tells. */
    async function reasons(id: string, count = 1): Promise<string[]> {
      const events = await suite().events(
        ({ data, type }) =>
          type === 'identity.provider_refused' && (data as { readonly providerId: string }).providerId === id,
        count,
      )
      return events.map(({ data }) => (data as { readonly reason: string }).reason)
    }

    it('whoever proves both accounts links them, and signs in by the other one from then on', async () => {
      const id = await newProvider()
      const { email } = await linked(id)
      const browser = suite().browser()
      const page = await come(browser, id)
      assert.match(page.path, /\/account$/)
      assert.match(page.text, new RegExp(email))
      const events = await suite().events(
        ({ data, type }) => type === 'identity.signed_in' && (data as { amr: string[] }).amr.includes('fed'),
        1,
      )
      assert.equal(events[0]?.tenantId, tenant().id)
      await suite().events(
        ({ subjects: all, type }) => type === 'identity.account_linked' && all.includes(`identity_provider:${id}`),
        1,
      )
      await suite().mailAbout(email, /sign-in methods were changed/)
    })

    it('an address that the provider calls verified links nothing', async () => {
      const id = await newProvider()
      const { email } = await register(suite(), tenant(), suite().browser())
      other.account = { ...other.account, email, email_verified: true }
      const browser = suite().browser()
      const page = await come(browser, id)
      assert.match(page.path, /\/connect\?token=/)
      assert.match(page.text, /not connected/)
      assert.equal(await isSignedIn(browser), false)
      // Without proof of the account here the form is not even there.
      assert.deepEqual(
        browser.forms.filter(({ fields }) => 'token' in fields),
        [],
      )
    })

    it('the token that links belongs to the browser that came back', async () => {
      const id = await newProvider()
      const page = await come(suite().browser(), id)
      const thief = suite().browser()
      await register(suite(), tenant(), thief)
      assert.equal((await thief.open(page.path)).status, 410)
    })

    it('an account that is somebody’s is nobody else’s', async () => {
      const id = await newProvider()
      await linked(id)
      const second = suite().browser()
      await register(suite(), tenant(), second)
      await second.open(`/t/${tenant().slug}/security`)
      const page = await back(second, other.visit(await leave(second, id)))
      assert.equal(page.status, 409)
      assert.match(page.text, /connected to somebody else/)
    })

    it('what it vouches for counts in its own organisation, and changes nothing of the person', async () => {
      const id = await newProvider()
      const { email } = await linked(id)
      const browser = suite().browser()
      await come(browser, id)
      assert.equal(await isSignedIn(browser), true)
      assert.equal(await isSignedIn(browser, suite().tenants.neighbour), false)
      const page = await browser.open(`/t/${tenant().slug}/security`)
      assert.match(page.path, /\/step-up/)
      await browser.open(`/t/${tenant().slug}/account`)
      assert.match((await browser.submit({ what: 'profile', name: 'Mallory' })).path, /\/step-up/)
      await browser.submit({ password: PASSWORD })
      assert.match((await browser.open(`/t/${tenant().slug}/security`)).path, /\/security$/)
      assert.equal(await isSignedIn(browser, suite().tenants.neighbour), true, email)
    })

    it('applications of other organisations do not take what it vouches for', async () => {
      const id = await newProvider()
      const { email } = await linked(id)
      const { neighbour } = suite().tenants
      await suite().db.admin((session) =>
        session.query(
          `insert into stoa.memberships (tenant_id, person_id, role_names, status, version, created_by, created_at, updated_at)
           select $1, id, '{member}', 'active', 1, 'test', now(), now() from stoa.people where email = $2`,
          [neighbour.id, email],
        ),
      )
      const browser = suite().browser()
      await come(browser, id)
      const answered = async (own: Tenant) => {
        const { url } = await ask(await newApplication(suite(), own), { prompt: 'none' })
        const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
        const { headers } = await fetch(url, { redirect: 'manual', headers: { cookie } })
        return new URL(headers.get('location') ?? '').searchParams
      }
      assert.equal((await answered(tenant())).has('code'), true)
      assert.equal((await answered(neighbour)).get('error'), 'login_required')
      await browser.open(`/t/${tenant().slug}/security`)
      await browser.submit({ password: PASSWORD })
      assert.equal((await answered(neighbour)).has('code'), true, 'by means of their own')
    })

    it('the second step is asked for as behind a password', async () => {
      const id = await newProvider()
      const { browser: own } = await linked(id)
      await own.open(`/t/${tenant().slug}/security`)
      await own.submit({ what: 'begin' })
      const [, key = ''] = /Key: ([A-Z2-7 ]{39})/.exec(own.page.text) ?? []
      const code = (steps: number) => totpCode(unbase32(key), totpStep(suite().clock.now()) + steps)
      await own.submit({ what: 'confirm', code: code(0) })
      const browser = suite().browser()
      assert.match((await come(browser, id)).path, /\/factor\?step=/)
      assert.equal(await isSignedIn(browser), false)
      await come(browser, id)
      await browser.submit({ code: code(1) })
      assert.equal(await isSignedIn(browser), true)
      assert.equal(await isSignedIn(browser, suite().tenants.neighbour), false)
    })

    const LIES: readonly (readonly [what: string, wrong: () => Misbehaviour])[] = [
      ['another nonce', () => ({ claims: { nonce: 'another' } })],
      ['no nonce', () => ({ claims: { nonce: undefined } })],
      ['another audience', () => ({ claims: { aud: 'another' } })],
      ['a token of another issuer', () => ({ claims: { iss: 'https://another.example' } })],
      ['a token that has ended', () => ({ claims: { exp: Math.floor(Date.now() / 1_000) - 120 } })],
      ['nobody', () => ({ claims: { sub: undefined } })],
      ['a name that is too long', () => ({ claims: { sub: 'x'.repeat(256) } })],
      ['alg none', () => ({ alg: 'none' })],
      ['a shared secret', () => ({ alg: 'HS256' })],
      ['a key that it does not publish', () => ({ foreignKey: true })],
      ['an answer of another provider (mix-up)', () => ({ answerIss: 'https://another.example' })],
      ['an answer without a code that holds', () => ({ token: { status: 400, body: { error: 'invalid_grant' } } })],
      ['no token', () => ({ token: { status: 200, body: { access_token: 'x', token_type: 'Bearer' } } })],
      ['an error', () => ({ error: 'invalid_scope' })],
    ]
    it('what does not hold is not believed, and told in the journal', async () => {
      const id = await newProvider()
      await linked(id)
      for (const [what, wrong] of LIES) {
        const browser = suite().browser()
        other.wrong = wrong()
        const page = await come(browser, id)
        assert.equal(page.status, 502, `${what}: ${page.text}`)
        assert.equal(await isSignedIn(browser), false, what)
      }
      other.wrong = {}
      assert.deepEqual(new Set(await reasons(id, LIES.length)), new Set(['failed']))
      assert.equal(await isSignedIn(await arrived(come, suite(), id)), true)
    })

    it('a provider that says that it sends `iss` has to', async () => {
      const id = await newProvider()
      const browser = suite().browser()
      await browser.open(`/t/${tenant().slug}/sign-in`)
      const answer = other.visit(await leave(browser, id))
      answer.searchParams.delete('iss')
      assert.equal((await back(browser, answer)).status, 502)
    })

    it('one that calls itself otherwise than we do is not spoken to', async () => {
      other.wrong = { issuer: 'https://another.example' }
      const id = await newProvider()
      const browser = suite().browser()
      await browser.open(`/t/${tenant().slug}/sign-in`)
      const { action, fields } = browser.forms.find((one) => one.action.includes(id)) ?? assert.fail()
      assert.equal((await browser.post(action, fields)).status, 502)
    })

    it('whoever changes their mind over there is told so', async () => {
      const id = await newProvider()
      other.wrong = { error: 'access_denied' }
      const page = await come(suite().browser(), id)
      assert.equal(page.status, 403)
      assert.deepEqual(await reasons(id), ['cancelled'])
    })

    it('one that is away, slow or broken is waited for no longer than a while', async () => {
      const gone = await newProvider({ issuer: 'http://127.0.0.1:1' })
      const slow = await newProvider()
      const broken = await newProvider()
      const browser = suite().browser()
      await browser.open(`/t/${tenant().slug}/sign-in`)
      const { action, fields } = browser.forms.find((one) => one.action.includes(gone)) ?? assert.fail()
      assert.equal((await browser.post(action, fields)).status, 503)
      other.wrong = { slow: { path: '/token', ms: 60_000 } }
      assert.equal((await come(suite().browser(), slow)).status, 503)
      other.wrong = { token: { status: 500, body: {} } }
      assert.equal((await come(suite().browser(), broken)).status, 503)
      assert.deepEqual(await reasons(broken), ['unavailable'])
    })

    it('a state is used once, by the browser that began, for the provider that it was begun with', async () => {
      const [id, second] = [await newProvider(), await newProvider()]
      await linked(id)
      const browser = suite().browser()
      await browser.open(`/t/${tenant().slug}/sign-in`)
      const answer = other.visit(await leave(browser, id))
      const thief = suite().browser()
      await thief.open(`/t/${tenant().slug}/sign-in`)
      assert.equal((await back(thief, answer)).status, 410, 'another browser')
      assert.equal((await back(browser, answer)).status, 410, 'it is used up by that')
      await browser.open(`/t/${tenant().slug}/sign-in`)
      const elsewhere = other.visit(await leave(browser, id))
      elsewhere.pathname = elsewhere.pathname.replace(id, second)
      assert.equal((await back(browser, elsewhere)).status, 410, 'another provider')
      const invented = new URL(elsewhere)
      invented.searchParams.set('state', 'x'.repeat(43))
      assert.equal((await back(browser, invented)).status, 410, 'invented')
      assert.equal(await isSignedIn(browser), false)
    })

    it('it is begun by a form of ours, and nothing that is secret goes through the browser', async () => {
      const id = await newProvider()
      const browser = suite().browser()
      await browser.open(`/t/${tenant().slug}/sign-in`)
      const planted = await browser.post(`/t/${tenant().slug}/with/${id}`, {})
      assert.match(planted.path, /\/sign-in/)
      await browser.open(`/t/${tenant().slug}/sign-in`)
      const url = await leave(browser, id)
      assert.equal(url.searchParams.get('code_challenge_method'), 'S256')
      assert.equal(url.href.includes(CLIENT.clientSecret), false)
      assert.equal(url.searchParams.get('redirect_uri'), `${suite().issuer(tenant())}/with/${id}/callback`)
      const before = other.exchanges.length
      await back(browser, other.visit(url))
      const [exchange] = other.exchanges.slice(before)
      const verifier = exchange?.parameters.get('code_verifier') ?? ''
      assert.match(verifier, /^[\w-]{43}$/)
      const rows = await suite().db.admin((session) =>
        session.query<{ found: boolean }>('select strpos(data::text, $1) > 0 as found from stoa.one_time_tokens', [
          verifier,
        ]),
      )
      assert.equal(
        rows.some(({ found }) => found),
        false,
      )
    })

    it('one who has to prove it now is asked for it over there, and has to have done so', async () => {
      const id = await newProvider()
      await linked(id)
      const fresh = suite().browser()
      assert.match((await come(fresh, id, '?again=yes')).path, /\/account$/)
      const stale = suite().browser()
      other.wrong = { claims: { auth_time: Math.floor(Date.now() / 1_000) - 3_600 } }
      assert.equal((await come(stale, id, '?again=yes')).status, 502)
      assert.equal(await isSignedIn(stale), false)
    })

    it('GitHub, also of somebody who shows no address there', async () => {
      const id = await newProvider({ kind: 'github', name: 'GitHub' })
      other.wrong = { answerIss: undefined }
      other.account = { sub: `${9_000 + subjects}`, name: 'octocat' }
      await linked(id)
      const browser = suite().browser()
      assert.match((await come(browser, id)).path, /\/account$/)
      other.wrong = { answerIss: undefined, token: { status: 200, body: { error: 'bad_verification_code' } } }
      assert.equal((await come(suite().browser(), id)).status, 502, 'an error, by 200')
      other.wrong = { answerIss: 'https://another.example' }
      assert.equal((await come(suite().browser(), id)).status, 502, 'mix-up')
      other.wrong = { answerIss: undefined, token: { status: 503, body: {} } }
      assert.equal((await come(suite().browser(), id)).status, 503)
      other.wrong = { answerIss: undefined, error: 'access_denied' }
      assert.equal((await come(suite().browser(), id)).status, 403)
    })

    it('Microsoft, whose issuer is that of the directory which the token names', async () => {
      const id = await newProvider({ kind: 'microsoft', name: 'Microsoft', issuer: undefined })
      other.issuer = MICROSOFT
      const tid = '9188040d-6c67-4c5b-b112-36a304b66dad'
      const template = { issuer: `${MICROSOFT}/{tenantid}/v2.0`, answerIss: undefined }
      other.wrong = { ...template, claims: { iss: `${MICROSOFT}/${tid}/v2.0`, tid } }
      await linked(id)
      assert.match((await come(suite().browser(), id)).path, /\/account$/)
      other.wrong = { ...template, claims: { iss: `${MICROSOFT}/${tid}/v2.0`, tid: 'another' } }
      assert.equal((await come(suite().browser(), id)).status, 502, 'a token of a directory that it does not name')
      const own = '11111111-6c67-4c5b-b112-36a304b66dad'
      other.wrong = { ...template, claims: { iss: `${MICROSOFT}/${own}/v2.0`, tid: own } }
      assert.match((await come(suite().browser(), id)).path, /\/connect/, 'the same subject of another directory')
    })

    it('the last way in is not taken away', async () => {
      const id = await newProvider()
      const { browser, email } = await linked(id)
      const withoutPassword = (sql: string) => suite().db.admin((session) => session.query(sql, [email]))
      await withoutPassword('delete from stoa.passwords using stoa.people where id = person_id and email = $1')
      const closed = await newProvider({ enabled: false })
      await withoutPassword(`insert into stoa.linked_accounts (tenant_id, provider_id, issuer, subject, person_id, label, created_at)
        select '${tenant().id}', '${closed}', 'https://other.example', 'closed', id, 'closed', now() + interval '1 day'
        from stoa.people where email = $1`)
      await browser.open(`/t/${tenant().slug}/security`)
      const page = await browser.submit({ what: 'disconnect' })
      assert.equal(page.status, 409)
      assert.match(page.text, /only way/)
      assert.match((await come(suite().browser(), id)).path, /\/account$/, 'it still is one')
    })

    it('one that is somebody’s only way in is not removed, unless that is said', async () => {
      const [id, open] = [await newProvider(), await newProvider()]
      const admin = suite().as(tenant(), 'identity:configure')
      const remove = (query = '') =>
        admin.send<{ code: string; detail: string }>('DELETE', `/api/v1/identity-providers/${id}${query}`)
      const { email } = await linked(id)
      const asAdmin = (sql: string, ...more: unknown[]) =>
        suite().db.admin((session) => session.query(sql, [email, ...more]))
      await asAdmin('delete from stoa.passwords using stoa.people where id = person_id and email = $1')
      const refused = await remove()
      assert.deepEqual([refused.status, refused.body.code], [409, 'only_way_in'])
      assert.match(refused.body.detail, /concerns: 1\./)
      assert.match((await come(suite().browser(), id)).path, /\/account$/, 'it still is one')
      const another = `insert into stoa.linked_accounts (tenant_id, provider_id, issuer, subject, person_id, label, created_at)
        select $2, $3, 'https://other.example', 'one', id, 'one', now() from stoa.people where email = $1`
      await asAdmin(another, tenant().id, open)
      const enabled = (value: boolean) =>
        admin.send('PATCH', `/api/v1/identity-providers/${open}`, {
          body: { enabled: value },
          headers: { 'if-match': '*' },
        })
      assert.equal((await enabled(false)).status, 200)
      assert.equal((await remove('?anyway=false')).status, 409, 'another one that is closed is no way in')
      await enabled(true)
      assert.equal((await remove()).status, 204, 'another one that is open is')
      assert.equal((await admin.send('DELETE', `/api/v1/identity-providers/${open}?anyway=true`)).status, 204)
    })

    it('an account that was disconnected signs nobody in', async () => {
      const id = await newProvider()
      const { browser } = await linked(id)
      await browser.open(`/t/${tenant().slug}/security`)
      const page = await browser.submit({ what: 'disconnect' })
      assert.match(page.path, /done=disconnected/)
      assert.match((await come(suite().browser(), id)).path, /\/connect/)
      await suite().events(
        ({ data, type }) => type === 'identity.account_unlinked' && (data as { providerId: string }).providerId === id,
        1,
      )
    })

    it('secrets are sealed and never shown; a provider that is closed, or another tenant’s, leads nowhere', async () => {
      const id = await newProvider()
      const admin = suite().as(tenant(), 'identity:configure')
      const path = `/api/v1/identity-providers/${id}`
      const { body } = await admin.send<{ redirectUri: string }>('GET', path)
      assert.equal(JSON.stringify(body).includes(CLIENT.clientSecret), false)
      assert.equal(body.redirectUri, `${suite().issuer(tenant())}/with/${id}/callback`)
      const rows = await suite().db.admin((session) =>
        session.query<{ text: string }>("select encode(secret_sealed, 'escape') as text from stoa.identity_providers"),
      )
      assert.equal(
        rows.some(({ text }) => text.includes(CLIENT.clientSecret)),
        false,
      )
      const browser = suite().browser()
      await browser.open(`/t/${tenant().slug}/sign-in`)
      const { action, fields } = browser.forms.find((one) => one.action.includes(id)) ?? assert.fail()
      const stranger = suite().browser()
      await stranger.open(`/t/${suite().tenants.neighbour.slug}/sign-in`)
      const { fields: theirs } = stranger.forms[0] ?? assert.fail()
      const foreign = await stranger.post(`/t/${suite().tenants.neighbour.slug}/with/${id}`, theirs)
      assert.equal(foreign.status, 400, foreign.text)
      const headers = { 'if-match': '"1"' }
      assert.equal((await admin.send('PATCH', path, { headers, body: { enabled: false } })).status, 200)
      assert.equal((await browser.post(action, fields)).status, 400)
      await browser.open(`/t/${tenant().slug}/sign-in`)
      assert.equal(browser.page.html.includes(id), false)
    })

    it('an issuer is an address by https, as it is written', async () => {
      const admin = suite().as(tenant(), 'identity:configure')
      for (const issuer of [
        'javascript:alert(1)',
        'https://a.example/?x',
        'https://a.example/#x',
        'https://u:p@a.example',
        'https://A.example',
        'nothing',
      ]) {
        const body = { kind: 'openid', name: 'X', issuer, ...CLIENT }
        assert.equal((await admin.send('POST', '/api/v1/identity-providers', { body })).status, 422, issuer)
      }
    })

    it('who comes back again and again with what does not hold is held up', async () => {
      const id = await newProvider()
      const browser = suite().browser()
      other.wrong = { foreignKey: true }
      const statuses: number[] = []
      while (statuses.at(-1) !== 429 && statuses.length < 60) statuses.push((await come(browser, id)).status)
      assert.deepEqual(new Set(statuses), new Set([502, 429]))
    })
  },
  { clock: runningClock, config: { allowPrivateApplications: true, fetcher } },
)

/** Where a page that is left at once leads. */
function leadsTo({ html, text }: SeenPage, origin?: string): URL {
  const [, url] = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(html) ?? assert.fail(text)
  return new URL(String(url).replaceAll('&amp;', '&'), origin)
}

function tokenIn({ html, text }: SeenPage): string {
  return /name="token" value="([^"]*)"/.exec(html)?.[1] ?? assert.fail(text)
}

/** Follows the first link of a page to another one of ours. */
async function follow(browser: Browser, page: string): Promise<SeenPage> {
  const [, path = ''] =
    new RegExp(`href="([^"]*/${page}[^"]*)"`).exec(browser.page.html) ?? assert.fail(browser.page.text)
  return await browser.open(path.replaceAll('&amp;', '&'))
}

async function arrived(come: (browser: Browser, id: string) => Promise<SeenPage>, suite: Suite, id: string) {
  const browser = suite.browser()
  await come(browser, id)
  return browser
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
function unbase32(text: string): Buffer {
  const bits = [...text.replaceAll(' ', '')]
    .map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}
