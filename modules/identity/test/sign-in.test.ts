import assert from 'node:assert/strict'
import { argon2Sync, randomBytes } from 'node:crypto'
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
    const plain = (html: string) => html.replace(/(?:value|nonce)="[^"]*"/g, '')
    assert.equal(plain(wrong.html), plain(unknown.html))
  })

  it('hashes a password anew that was hashed by other parameters, once it is right', async () => {
    const { db, tenants } = suite()
    const { email } = await register(suite(), tenants.pooled, suite().browser())
    const nonce = randomBytes(16)
    const message = PASSWORD.normalize('NFKC')
    const secret = Buffer.alloc(32, 'identity.passwords')
    const old = { message, nonce, secret, parallelism: 1, memory: 8_192, passes: 1, tagLength: 32 }
    const bare = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
    const weaker = `$argon2id$v=19$m=8192,t=1,p=1$${bare(nonce)}$${bare(argon2Sync('argon2id', old))}`
    const column = async (sql: string, ...more: string[]) =>
      (await db.admin((session) => session.query<{ hash: string }>(sql, [email, ...more])))[0]?.hash
    const of = 'from stoa.people where people.id = person_id and email = $1'
    await column(`update stoa.passwords set hash = $2 ${of}`, weaker)
    const kept = () =>
      column('select hash from stoa.passwords join stoa.people on people.id = person_id where email = $1')
    assert.equal((await signIn(suite().browser(), tenants.pooled, email, 'not the password')).status, 422)
    assert.equal(await kept(), weaker)
    assert.match((await signIn(suite().browser(), tenants.pooled, email)).path, /\/account/)
    assert.match((await kept()) ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    assert.match((await signIn(suite().browser(), tenants.pooled, email)).path, /\/account/)
  })
})
