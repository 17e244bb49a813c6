import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startSmtpServer } from '@stoa/testkit'
import { diagnose } from './doctor.ts'

describe('the doctor, of mail', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'stoa-doctor-mail-'))
  })
  after(() => rm(root, { recursive: true, force: true }))
  const of = (settings: Record<string, string>) => diagnose({ STOA_DATA: join(root, 'new'), PORT: '0', ...settings })
  const from = { STOA_MAIL_FROM: 'Stoa <post@stoa.example>' }

  it('says where it goes when it goes nowhere', async () => {
    ;(await of({})).has('ok', 'Mail', /into files in .*new\/mail: nothing leaves/)
  })

  it('says what has to stand in DNS for the key of the installation’s address', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const pem = (privateKey.export({ type: 'pkcs8', format: 'pem' }) as string).replaceAll('\n', '\\n')
    const key = { STOA_MAIL_DKIM_SELECTOR: 's1', STOA_MAIL_DKIM_KEY: pem }
    const found = await of({ ...from, ...key })
    found.has('ok', 'Mail', /s1\._domainkey\.stoa\.example has to be: v=DKIM1; k=rsa; p=\w/)
    assert.doesNotMatch(JSON.stringify(found.findings), /PRIVATE/)
  })

  it('says whether the server takes it, without the password', async () => {
    await using server = await startSmtpServer()
    const url = `smtp://127.0.0.1:${server.port}?security=none`
    ;(await of({ ...from, STOA_MAIL_URL: url })).has('ok', 'Mail', /The server at 127\.0\.0\.1:\d+ would take mail/)
    assert.equal(server.taken.length, 0)
    await using guarded = await startSmtpServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(Object.assign(new Error('who are you?'), { responseCode: 535 })),
    })
    const refused = await of({ ...from, STOA_MAIL_URL: `smtp://me:hidden@127.0.0.1:${guarded.port}?security=none` })
    refused.has('warn', 'Mail', /does not take mail: .*535/)
    assert.doesNotMatch(JSON.stringify(refused.findings), /hidden/)
    await server[Symbol.asyncDispose]()
    ;(await of({ ...from, STOA_MAIL_URL: url })).has('warn', 'Mail', /does not take mail: .*ECONNREFUSED/)
  })

  it('names the variable that cannot be used, and never shows a password', async () => {
    const flawed = async (settings: Record<string, string>) => {
      const { findings } = await of(settings)
      const text = findings
        .filter(({ level }) => level === 'fail')
        .map((finding) => finding.text)
        .join(' ')
      assert.doesNotMatch(text, /hidden/)
      return text
    }
    const url = { STOA_MAIL_URL: 'smtps://me:hidden@mail.example.org' }
    assert.match(await flawed(url), /STOA_MAIL_FROM is not/)
    assert.match(await flawed({ ...url, STOA_MAIL_FROM: 'nobody' }), /STOA_MAIL_FROM: the address must be/)
    assert.match(await flawed({ ...from, STOA_MAIL_URL: 'http://mail.example.org' }), /STOA_MAIL_URL must be a URL/)
    assert.match(
      await flawed({ ...from, STOA_MAIL_URL: 'smtp://me:hidden@mail.example.org?security=none' }),
      /STOA_MAIL_URL: .*a password is not sent/,
    )
    assert.match(await flawed({ ...from, STOA_MAIL_URL: 'smtp://a.example?secure=1' }), /unknown parameter 'secure'/)
    assert.match(await flawed({ ...from, STOA_MAIL_URL: 'ses://eu-central-1' }), /AWS_ACCESS_KEY_ID/)
    assert.match(
      await flawed({
        ...from,
        STOA_MAIL_URL: 'ses://europe',
        AWS_ACCESS_KEY_ID: 'AKIA',
        AWS_SECRET_ACCESS_KEY: 'hidden',
      }),
      /STOA_MAIL_URL: .*region/,
    )
    const key = { STOA_MAIL_DKIM_KEY: 'hidden' }
    assert.match(await flawed({ ...from, ...key }), /STOA_MAIL_DKIM_SELECTOR and STOA_MAIL_DKIM_KEY go together/)
    assert.match(await flawed({ ...from, ...key, STOA_MAIL_DKIM_SELECTOR: 's1' }), /DKIM_KEY: .*an RSA key in PEM/)
    assert.match(await flawed({ STOA_MAIL_SES_TOPICS: 'everything' }), /STOA_MAIL_SES_TOPICS: .*topicArns/)
  })
})
