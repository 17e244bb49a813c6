import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import { engines } from '@stoa/testkit'
import { createMail, dkimRecord, type MailInput, mailErrors, type Sender, type SenderInput } from '../src/index.ts'
import { dkimTags, read } from './mime.ts'
import { type Bench, KEY, setup } from './setup.ts'

const pem = (bits: number) =>
  generateKeyPairSync('rsa', { modulusLength: bits }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

/** The key as a receiver finds it in DNS. */
function publicKey({ dkim }: Pick<Sender, 'dkim'>) {
  const [, value = ''] = /^v=DKIM1; k=rsa; p=([\w+/=]+)$/.exec(dkim?.record.value ?? '') ?? []
  return createPublicKey({ key: Buffer.from(value, 'base64'), type: 'spki', format: 'der' })
}

for (const engine of engines) {
  describe(`senders: ${engine}`, () => {
    let bench: Bench
    before(async () => {
      bench = await setup(engine)
    })
    after(() => bench[Symbol.asyncDispose]())

    /** Sends a message; gives what arrived. */
    async function arrived(ctx: Awaited<ReturnType<Bench['tenant']>>, over: Partial<MailInput> = {}) {
      const { mail, server } = bench
      await mail.deliver(ctx, await bench.compose(ctx, over))
      return server.taken.at(-1)?.content ?? Buffer.alloc(0)
    }

    it('mail is from the installation until the tenant has a sender; then from an address of its domain', async () => {
      const { mail } = bench
      const ctx = await bench.tenant()
      const fields = async (over: Partial<MailInput> = {}) => {
        const { headers } = read(await arrived(ctx, over))
        return ['from', 'reply-to'].map((name) => headers.get(name))
      }
      assert.equal(await mail.sender(ctx), null)
      assert.deepEqual(await fields(), ['Stoa <post@stoa.example>', undefined])
      const named = { address: 'POST@stoa.example', name: 'Acme by Stoa' }
      assert.deepEqual(await fields({ from: named }), ['Acme by Stoa <POST@stoa.example>', undefined])
      await mail.setSender(ctx, { from: { address: 'shop@acme.example', name: 'Acme' }, replyTo: 'help@acme.example' })
      assert.deepEqual(await fields(), ['Acme <shop@acme.example>', 'help@acme.example'])
      assert.deepEqual(await fields({ from: 'bills@acme.example', replyTo: 'b@acme.example' }), [
        'bills@acme.example',
        'b@acme.example',
      ])
      assert.equal(await mail.removeSender(ctx), true)
      assert.equal(await mail.removeSender(ctx), false)
      assert.deepEqual(await fields(), ['Stoa <post@stoa.example>', undefined])
    })

    it('nobody writes in the name of another domain, nor under another address of the installation', async () => {
      const ctx = await bench.tenant()
      const refused = async (from: string) =>
        assert.rejects(bench.compose(ctx, { from }), (error) => {
          assert.ok(isError(error, mailErrors.mail_invalid))
          assert.deepEqual(
            error.fields?.map(({ pointer, code }) => [pointer, code]),
            [['/from', 'not_allowed']],
          )
          return true
        })
      await refused('ceo@stoa.example')
      await refused('ceo@other.example')
      await bench.mail.setSender(ctx, { from: 'shop@acme.example' })
      await refused('post@stoa.example')
      await refused('a@sub.acme.example')
    })

    it('signs with a key that is made here, and never shown; DNS gets the other half', async () => {
      const { mail } = bench
      const ctx = await bench.tenant()
      const dkim = { domain: 'acme.example', selector: 's1' }
      const sender = await mail.setSender(ctx, { from: 'shop@news.acme.example', dkim })
      assert.equal(sender.dkim?.record.name, 's1._domainkey.acme.example')
      assert.equal(JSON.stringify(sender).includes('PRIVATE'), false)
      assert.equal(dkimTags(await arrived(ctx), publicKey(sender)).get('d'), 'acme.example')
      const renamed = await mail.setSender(ctx, { from: { address: 'shop@acme.example', name: 'Acme' }, dkim })
      assert.equal(renamed.dkim?.record.value, sender.dkim?.record.value, 'the key stays with its selector')
      const next = await mail.setSender(ctx, { from: 'shop@acme.example', dkim: { ...dkim, selector: 's2' } })
      assert.notEqual(next.dkim?.record.value, sender.dkim?.record.value)
      assert.equal(dkimTags(await arrived(ctx), publicKey(next)).get('s'), 's2')
      assert.deepEqual(await mail.sender(ctx), next)
      assert.equal((await mail.setSender(ctx, { from: 'shop@acme.example' })).dkim, null)
      assert.equal((await arrived(ctx)).includes('DKIM-Signature'), false)
    })

    it('signs with a key that is brought, and keeps it sealed', async () => {
      const { db, mail } = bench
      const ctx = await bench.tenant()
      const privateKey = pem(1024)
      const sender = await mail.setSender(ctx, {
        from: 'shop@acme.example',
        dkim: { domain: 'acme.example', selector: 'old', privateKey },
      })
      dkimTags(await arrived(ctx), publicKey(sender))
      const stored = await db.admin(async (session) => {
        await session.exec('begin; set local role stoa_system')
        const rows = await session.query('select * from stoa.mail_senders')
        await session.exec('commit')
        return rows.map((row) =>
          Object.values(row).map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value))),
        )
      })
      const lines = privateKey.split('\n').filter((line) => line.length === 64)
      const text = stored.flat().join('\n')
      assert.ok(text.includes('acme.example'))
      for (const line of lines.slice(3)) assert.equal(text.includes(line), false)
    })

    it('signs what is from the installation’s address with the installation’s key, and nothing of others', async () => {
      const { db, server, transport } = bench
      const dkim = { domain: 'stoa.example', selector: 'own', privateKey: pem(1024) }
      const mail = bench.another({ options: { dkim } })
      const ctx = await bench.tenant()
      const sent = async (from?: string) => {
        const message = { to: ['ann@example.org'], subject: 'Hello', text: 'Hello', ...(from && { from }) }
        await mail.deliver(ctx, await db.transaction(ctx, (tx) => mail.compose(ctx, tx, message)))
        return server.taken.at(-1)?.content ?? Buffer.alloc(0)
      }
      const record = dkimRecord(dkim)
      assert.equal(record.name, 'own._domainkey.stoa.example')
      assert.equal(dkimTags(await sent(), publicKey({ dkim: { ...dkim, record } })).get('s'), 'own')
      assert.equal(dkimTags(await sent('POST@stoa.example'), publicKey({ dkim: { ...dkim, record } })).get('s'), 'own')
      await mail.setSender(ctx, { from: 'shop@acme.example' })
      assert.equal((await sent()).includes('DKIM-Signature'), false)
      for (const [change, flaw] of [
        [{ domain: 'other.example' }, /dkim\.domain must be the domain/],
        [{ selector: '' }, /dkim\.selector must be/],
        [{ privateKey: 'x' }, /dkim\.privateKey must be an RSA key/],
      ] as const) {
        const options = { from: 'post@stoa.example', dkim: { ...dkim, ...change } }
        assert.throws(() => createMail(options, { db, transport, key: KEY }), flaw)
      }
    })

    it('waits for the right secret when the key was sealed with another one', async () => {
      const { mail } = bench
      const ctx = await bench.tenant()
      await mail.setSender(ctx, { from: 'shop@acme.example', dkim: { domain: 'acme.example', selector: 's1' } })
      const id = await bench.compose(ctx)
      const stranger = bench.another({ key: Buffer.alloc(32, 8) })
      await assert.rejects(stranger.deliver(ctx, id), { fault: 'misconfigured', retryable: true })
      assert.equal((await mail.deliver(ctx, id)).state, 'sent')
    })

    it('says what is wrong with a sender', async () => {
      const ctx = await bench.tenant()
      const from = 'shop@acme.example'
      const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      }) as string
      const dkim = { domain: 'acme.example', selector: 's1' }
      for (const [input, pointers] of [
        [{ from: 'shop' }, ['/from']],
        [{ from, replyTo: 'a@b\r\nBcc: x' }, ['/replyTo']],
        [{ from, dkim: { ...dkim, domain: 'other.example' } }, ['/dkim/domain']],
        [{ from, dkim: { ...dkim, domain: 'cme.example' } }, ['/dkim/domain']],
        [{ from, dkim: { ...dkim, domain: 'a b' } }, ['/dkim/domain']],
        [{ from, dkim: { ...dkim, selector: 's1\r\n' } }, ['/dkim/selector']],
        [{ from, dkim: { ...dkim, privateKey: 'x' } }, ['/dkim/privateKey']],
        [{ from, dkim: { ...dkim, privateKey: ec } }, ['/dkim/privateKey']],
        [{ from, dkim: { ...dkim, privateKey: pem(768) } }, ['/dkim/privateKey']],
        [{ from: '', dkim: { domain: '', selector: '' } }, ['/from', '/dkim/domain', '/dkim/selector']],
      ] as const satisfies readonly (readonly [SenderInput, readonly string[]])[]) {
        await assert.rejects(bench.mail.setSender(ctx, input), (error) => {
          assert.ok(isError(error, mailErrors.mail_sender_invalid), String(error))
          assert.deepEqual(
            error.fields?.map(({ pointer }) => pointer),
            pointers,
          )
          return true
        })
      }
      assert.equal(await bench.mail.sender(ctx), null)
    })

    it('refuses to open with what cannot work', () => {
      const { db, transport } = bench
      assert.throws(
        () => createMail({ from: 'nobody' }, { db, transport, key: KEY }),
        /createMail: invalid options: from/,
      )
      const options = { from: 'a@b.example', returnPath: 'xyz' }
      assert.throws(() => createMail(options, { db, transport, key: KEY }), /returnPath/)
      assert.throws(() => createMail({ from: 'a@b.example' }, { db, transport, key: Buffer.alloc(16) }), /32 bytes/)
    })
  })
}
