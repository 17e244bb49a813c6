import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { it } from 'node:test'
import { newId } from '@stoa/kernel'
import { eventually } from '@stoa/testkit'
import { PasskeyChallenges } from '../src/factors/passkey-challenge.ts'
import { addPasskey } from '../src/factors/passkey-store.ts'
import { matchingStep, totpCode, totpStep } from '../src/factors/totp.ts'
import type { Browser, SeenPage } from './browser.ts'
import { describeOnEngines } from './setup.ts'
import { linkIn, newEmail, PASSWORD, register, signIn, waitForLocks } from './story.ts'

it('codes are those of RFC 6238, appendix B', () => {
  const secret = Buffer.from('12345678901234567890')
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ] as const) {
    assert.equal(totpCode(secret, totpStep(seconds * 1_000)), code)
  }
})

it('codes of the steps before and after are taken, and none further away', () => {
  const secret = Buffer.from('12345678901234567890')
  const now = 1_111_111_109_000
  const present = totpStep(now)
  for (const [offset, taken] of [
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ] as const) {
    const step = matchingStep(secret, totpCode(secret, present + offset), now, -1)
    assert.equal(step, taken ? present + offset : null, `${offset}`)
  }
  for (const text of ['', '12345', '1234567', 'abcdef', '１２３４５６', '12345a']) {
    assert.equal(matchingStep(secret, text, now, -1), null, text)
  }
})

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
function unbase32(text: string): Buffer {
  const bits = [...text.replaceAll(' ', '')]
    .map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

describeOnEngines('second factors', (suite, itOnServer) => {
  const tenant = () => suite().tenants.pooled
  const security = () => `/t/${tenant().slug}/security`
  const code = (secret: Buffer, steps = 0) => totpCode(secret, totpStep(suite().clock.now()) + steps)

  /** Somebody with an app. */
  async function setup() {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    await browser.open(security())
    await browser.submit({ what: 'begin' })
    const secret = unbase32(/Key: ([A-Z2-7 ]{39})/.exec(browser.page.text)?.[1] ?? assert.fail(browser.page.text))
    const page = await browser.submit({ what: 'confirm', code: code(secret) })
    const codes = page.text.match(/\b[0-9A-Z]{5}-[0-9A-Z]{5}\b/g) ?? []
    assert.equal(codes.length, 10, page.text)
    suite().clock.advance(60_000)
    return { browser, email, secret, codes }
  }
  async function password(email: string): Promise<Browser> {
    const browser = suite().browser()
    assert.match((await signIn(browser, tenant(), email)).path, /factor\?step=/)
    return browser
  }
  /** Begins the second one when the first one waits for a table, having done what comes before. */
  const meanwhile = (table: string, first: () => Promise<SeenPage>, second: () => Promise<SeenPage>) =>
    suite().db.admin(async (session) => {
      await session.exec(`begin; lock table stoa.${table} in share mode`)
      const one = first()
      await waitForLocks(suite(), 1)
      const other = second()
      await Promise.race([other, waitForLocks(suite(), 2)])
      await session.exec('commit')
      return await Promise.all([one, other])
    })
  const isIn = (page: { readonly path: string }) => /\/account/.test(page.path)

  it('are asked for behind the password: it alone opens nothing', async () => {
    const { email, secret } = await setup()
    const browser = await password(email)
    assert.match((await browser.open(`/t/${tenant().slug}/account`)).path, /sign-in/)
    await signIn(browser, tenant(), email)
    assert.ok(isIn(await browser.submit({ code: code(secret) })))
    await suite().mailAbout(email, /sign-in methods/)
  })

  it('are taken away by hand for who has lost them: the password is enough then, and the journal says so', async () => {
    const { codes, email } = await setup()
    const browser = await password(email)
    const { events, people } = suite()
    const ctx = suite().ctx(tenant())
    const mails = suite().mails.length
    await assert.rejects(people.removeSecondStep(ctx, 'nobody@example.org'), /person/)
    assert.equal(await people.removeSecondStep(ctx, email), true)
    assert.equal(await people.removeSecondStep(ctx, email), false)
    assert.equal((await browser.submit({ code: codes[0] as string })).status, 422)
    assert.ok(isIn(await signIn(suite().browser(), tenant(), email)))
    const [removal] = await events(
      ({ actor, type }) => type === 'identity.factor_removed' && actor.type === 'system',
      1,
    )
    assert.equal(removal?.data.kind, 'totp')
    const told = () =>
      suite()
        .mails.slice(mails)
        .some((mail) => mail.to.includes(email) && /sign-in methods/.test(mail.subject))
    await eventually(told)
  })

  it('take a code once: a code that somebody has seen is worth nothing (TOTP reuse in its window)', async () => {
    const { email, secret } = await setup()
    const seen = code(secret)
    assert.ok(isIn(await (await password(email)).submit({ code: seen })))
    const other = await password(email)
    assert.equal((await other.submit({ code: seen })).status, 422)
    assert.equal((await other.submit({ code: code(secret, -1) })).status, 422)
    assert.ok(isIn(await other.submit({ code: code(secret, 1) })))
  })

  it('of two who show a code at once take one', async () => {
    const { email, secret } = await setup()
    const both = [await password(email), await password(email)]
    const pages = await Promise.all(both.map((browser) => browser.submit({ code: code(secret) })))
    assert.deepEqual(pages.map(isIn).sort(), [false, true])
  })

  it('take each recovery code once, however it is typed', async () => {
    const { codes, email } = await setup()
    const [first = ''] = codes
    assert.ok(isIn(await (await password(email)).submit({ code: ` ${first.toLowerCase().replace('-', ' ')}` })))
    const other = await password(email)
    assert.equal((await other.submit({ code: first })).status, 422)
    assert.ok(isIn(await other.submit({ code: codes[1] ?? '' })))
  })

  it('are not guessed: five tries, then waits', async () => {
    const { email } = await setup()
    const browser = await password(email)
    const statuses: number[] = []
    for (let tries = 0; tries < 8; tries++) statuses.push((await browser.submit({ code: `00000${tries}` })).status)
    assert.equal(statuses.filter((one) => one === 422).length, 5)
  })

  it('hold after the password was reset, too', async () => {
    const { email } = await setup()
    const browser = suite().browser()
    await browser.open(`/t/${tenant().slug}/reset`)
    await browser.submit({ email })
    const { text } = await suite().mailAbout(email, /Reset/)
    const url = new URL(/https?:\S+/.exec(text)?.[0] ?? '')
    await browser.open(url.pathname + url.search)
    await browser.submit({ password: 'a new walk in the wood' })
    assert.match((await signIn(browser, tenant(), email, 'a new walk in the wood')).path, /factor/)
  })

  itOnServer(
    'and passwords open nothing any more when a new password is set while they are taken, whichever comes first',
    async () => {
      for (const app of [false, true]) {
        const prepared = async () => {
          const { email, secret } = app
            ? await setup()
            : { ...(await register(suite(), tenant(), suite().browser())), secret: null }
          suite().clock.advance(60_000)
          const browser = app ? await password(email) : suite().browser()
          if (!app) await browser.open(`/t/${tenant().slug}/sign-in`)
          const other = suite().browser()
          await other.open(`/t/${tenant().slug}/reset`)
          await other.submit({ email })
          await other.open(linkIn(await suite().mailAbout(email, /Reset/)))
          const reset = () => other.submit({ password: 'a new walk in the wood' })
          const shown = secret === null ? { email, password: PASSWORD } : { code: code(secret) }
          return { browser, reset, enter: () => browser.submit(shown) }
        }
        const late = await prepared()
        const [, refused] = await meanwhile('passwords', late.reset, late.enter)
        assert.equal(refused.status, app ? 410 : 422)
        const early = await prepared()
        await meanwhile('known_devices', early.enter, early.reset)
        assert.match((await early.browser.open(`/t/${tenant().slug}/account`)).path, /sign-in/, 'a session outlived it')
      }
    },
  )

  it('and passwords open nothing of an account that is closed while they are taken, then or later', async () => {
    const { db, people } = suite()
    const ctx = suite().ctx(tenant())
    const { email, secret } = await setup()
    const browser = await password(email)
    const link = await people.passwordLink(ctx, email)
    assert.equal(await people.suspend(ctx, email), true)
    assert.equal((await browser.submit({ code: code(secret) })).status, 410)
    assert.equal(await people.restore(ctx, email), true)
    assert.equal((await suite().browser().open(`/t/${tenant().slug}/reset?token=${link}`)).status, 410)
    assert.ok(isIn(await (await password(email)).submit({ code: code(secret, 1) })))
    // One connection: nothing is under way there beside something else.
    if (db.engine === 'pglite') return
    const late = await register(suite(), tenant(), suite().browser())
    const entering = suite().browser()
    await entering.open(`/t/${tenant().slug}/sign-in`)
    await db.admin(async (session) => {
      await session.exec('begin')
      await session.query('update stoa.people set suspended_at = now() where email = $1', [late.email])
      const submitted = entering.submit({ email: late.email, password: PASSWORD })
      await Promise.race([submitted, waitForLocks(suite(), 1)])
      await session.exec('commit')
      assert.equal((await submitted).status, 403)
    })
  })

  /** Somebody with a passkey, as an authenticator shows it (WebAuthn, 6.1 and 6.3.3). */
  async function withPasskey() {
    const owner = suite().browser()
    const { email } = await register(suite(), tenant(), owner)
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    // A key of COSE (RFC 9053): ES256 on P-256, and the point.
    const parts = ['a5010203262001215820', Buffer.from(x, 'base64url'), '225820', Buffer.from(y, 'base64url')]
    const cose = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part)))
    const credentialId = Buffer.from(email).toString('base64url')
    const id = newId()
    const rows = await suite().db.admin((session) =>
      session.query<{ id: string }>('select id from stoa.people where email = $1', [email]),
    )
    const passkey = {
      ...{ id, personId: rows[0]?.id ?? '', credentialId, publicKey: cose, counter: 0, transports: [] },
      ...{ name: 'Key', backedUp: false, usedAt: null, createdAt: new Date(suite().clock.now()) },
    }
    await suite().db.system(suite().ctx(tenant()), (tx) => addPasskey(tx, passkey))
    let uses = 0
    const show = async (browser = suite().browser(), page = 'sign-in') => {
      const path = `/t/${tenant().slug}/${page}`
      await browser.open(path)
      const [{ fields } = assert.fail('no form')] = browser.forms
      const device = browser.cookies.get('stoa-device') ?? assert.fail('no cookie of the browser')
      const challenges = new PasskeyChallenges(Buffer.alloc(32, 'identity.challenges'))
      const challenge = challenges.make(device, suite().clock.now())
      const said = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge, origin: suite().url }))
      const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest()
      uses += 1
      // The person is there and was verified; how often it was used.
      const facts = Buffer.from(`05${uses.toString(16).padStart(8, '0')}`, 'hex')
      const data = Buffer.concat([sha256(new URL(suite().url).hostname), facts])
      const signature = sign('sha256', Buffer.concat([data, sha256(said)]), privateKey)
      const response = {
        ...{ clientDataJSON: said.toString('base64url'), authenticatorData: data.toString('base64url') },
        signature: signature.toString('base64url'),
      }
      const shown = { id: credentialId, rawId: credentialId, type: 'public-key', clientExtensionResults: {}, response }
      return browser.post(path, { ...fields, response: JSON.stringify(shown) })
    }
    const remove = async () => {
      await owner.open(security())
      const { fields } = owner.forms.find((form) => form.fields.what === 'begin') ?? assert.fail(owner.page.text)
      return () => owner.post(security(), { ...fields, what: 'unpasskey', id })
    }
    return { owner, email, show, remove }
  }

  it('passkeys sign in; one that is taken away while it is shown begins no session', async () => {
    const { remove, show } = await withPasskey()
    assert.ok(isIn(await show()))
    if (suite().db.engine === 'pglite') return
    const [removed, refused] = await meanwhile('passkeys', await remove(), () => show())
    assert.match(removed.path, /done=unpasskey/)
    assert.equal(refused.status, 422, refused.text)
  })

  it('are shown before the address is changed, where they are set up; without a password by a passkey', async () => {
    const account = `/t/${tenant().slug}/account`
    const change = async (browser: Browser) => browser.submit({ what: 'email', email: newEmail() })
    const { browser, secret } = await setup()
    const { email, owner, show } = await withPasskey()
    const forget = 'delete from stoa.passwords where person_id = (select id from stoa.people where email = $1)'
    await suite().db.admin((session) => session.query(forget, [email]))
    suite().clock.advance(660_000)
    for (const one of [browser, owner]) {
      await one.open(account)
      await assert.rejects(change(one), /no form has/)
    }
    await browser.open(`/t/${tenant().slug}/step-up`)
    assert.equal((await browser.submit({ password: PASSWORD })).status, 422, 'the password alone')
    await browser.submit({ password: PASSWORD, code: code(secret) })
    await show(owner, 'step-up')
    for (const one of [browser, owner]) {
      await one.open(account)
      assert.equal((await change(one)).status, 200)
    }
  })

  it('a step belongs to the one whose password was right, and ends', async () => {
    const [ann, bob] = [await setup(), await setup()]
    const browser = await password(ann.email)
    assert.equal((await browser.submit({ code: code(bob.secret) })).status, 422)
    suite().clock.advance(601_000)
    assert.equal((await browser.submit({ code: code(ann.secret) })).status, 410)
    const forged = await password(ann.email)
    assert.equal((await forged.submit({ step: 'A'.repeat(43), code: code(ann.secret) })).status, 410)
  })

  it('are changed only by who has proven of late who they are (step-up)', async () => {
    const { browser, secret } = await setup()
    suite().clock.advance(660_000)
    const asked = await browser.open(security())
    assert.match(asked.path, /step-up/)
    const before = browser.cookies.get('stoa-session')
    assert.equal((await browser.submit({ password: PASSWORD, code: '000000' })).status, 422)
    const page = await browser.submit({ password: PASSWORD, code: code(secret) })
    assert.match(page.path, /security/)
    assert.notEqual(browser.cookies.get('stoa-session'), before)
    assert.match((await browser.submit({ what: 'remove' })).path, /done=removed/)
  })

  it('that are set up need a code of the very app that was shown', async () => {
    const [ann, bob] = [suite().browser(), suite().browser()]
    for (const browser of [ann, bob]) {
      await register(suite(), tenant(), browser)
      await browser.open(security())
      await browser.submit({ what: 'begin' })
    }
    assert.equal((await ann.submit({ what: 'confirm', code: '000000' })).status, 422)
    const { sealed = '' } = bob.forms.find(({ fields }) => fields.what === 'confirm')?.fields ?? {}
    const page = await ann.submit({ what: 'confirm', sealed, code: '000000' })
    assert.match(page.path, /security/)
    assert.match(page.text, /No authenticator app/)
  })

  it('the last way in is not taken away: a passkey of who has no password stays', async () => {
    const browser = suite().browser()
    const { email } = await register(suite(), tenant(), browser)
    const sql = (text: string, ...more: string[]) =>
      suite().db.admin((session) => session.query(text, [email, ...more]))
    const addPasskey = async () => {
      const id = newId()
      await sql(PASSKEY, id)
      return id
    }
    const PASSKEY = `insert into stoa.passkeys (id, person_id, credential_id, public_key, counter, transports, name, backed_up, created_at)
      select $2::uuid, id, $2::text, '', 0, '{}', 'Key', false, now() from stoa.people where email = $1`
    const remove = async (id: string) => {
      await browser.open(security())
      const [form] = browser.forms.filter(({ fields }) => fields.what !== undefined)
      return browser.post(security(), { ...form?.fields, what: 'unpasskey', id })
    }
    const first = await addPasskey()
    await sql('delete from stoa.passwords using stoa.people where id = person_id and email = $1')
    const refused = await remove(first)
    assert.equal(refused.status, 409)
    assert.match(refused.text, /only way/)
    const second = await addPasskey()
    assert.match((await remove(first)).path, /done=unpasskey/)
    assert.equal((await remove(second)).status, 409)
  })
})
