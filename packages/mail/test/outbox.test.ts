import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type Ctx, errors, isError } from '@stoa/kernel'
import { engines, inTime, testCtx } from '@stoa/testkit'
import { createSmtpTransport, MailDeliveryError, type MailTransport, mailErrors } from '../src/index.ts'
import { carriers } from './carriers.ts'
import { read } from './mime.ts'
import { startRawServer } from './raw-server.ts'
import { type Bench, setup } from './setup.ts'

const THREE = ['ann@example.org', 'bob@example.org', 'cem@example.org']

/** Hands the mail over, and then sleeps for long: meanwhile something else happens. */
function overtaken(transport: MailTransport, meanwhile: () => Promise<void>): MailTransport {
  return {
    ...transport,
    async send(mail, options) {
      const delivery = await transport.send(mail, options)
      await meanwhile()
      return delivery
    },
  }
}

for (const engine of engines) {
  describe(`the outbox: ${engine}`, () => {
    let bench: Bench
    let begin = 0
    before(async () => {
      bench = await setup(engine)
    })
    after(() => bench[Symbol.asyncDispose]())
    beforeEach(() => {
      const { manners, taken } = bench.server
      for (const name of Object.keys(manners)) manners[name as keyof typeof manners] = undefined
      begin = taken.length
    })
    /** What this test has sent. */
    const taken = () => bench.server.taken.slice(begin)

    it('keeps a message with the write that it belongs to, sends it, and says what became of it', async () => {
      const { db, mail } = bench
      const ctx = await bench.tenant()
      const rolledBack = db.transaction(ctx, async (tx) => {
        await mail.compose(ctx, tx, { to: ['ann@example.org'], subject: 'x', text: 'x' })
        throw new Error('the order was refused')
      })
      await assert.rejects(rolledBack, /refused/)
      assert.deepEqual((await mail.messages(ctx)).messages, [])
      const id = await bench.compose(ctx, { cc: ['bob@example.org'], bcc: ['hidden@example.org'] })
      const waiting = await mail.message(ctx, id)
      assert.deepEqual([waiting.state, waiting.attempts, waiting.sentAt], ['queued', 0, null])
      const sent = await mail.deliver(ctx, id)
      assert.deepEqual([sent.state, sent.attempts, sent.transport, sent.lastError], ['sent', 1, 'smtp', null])
      assert.match(sent.providerId ?? '', /^Q\d+$/)
      assert.deepEqual(
        sent.recipients.map(({ address, kind, state, providerId }) => [address, kind, state, providerId]),
        [
          ['ann@example.org', 'to', 'sent', sent.providerId],
          ['bob@example.org', 'cc', 'sent', sent.providerId],
          ['hidden@example.org', 'bcc', 'sent', sent.providerId],
        ],
      )
      assert.deepEqual(await mail.message(ctx, id), sent)
      const [arrived] = taken()
      assert.deepEqual(arrived?.to, ['ann@example.org', 'bob@example.org', 'hidden@example.org'])
      assert.equal(read(arrived?.content ?? '').headers.get('message-id'), sent.messageId)
      assert.deepEqual(arrived?.content, await mail.content(ctx, id))
      assert.equal(arrived?.content.includes('hidden'), false)
    })

    it('shows the content of a confidential message to nobody, and sends it all the same', async () => {
      const { mail } = bench
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx, { confidential: true, text: 'the secret link' })
      await assert.rejects(mail.content(ctx, id), { code: 'mail_confidential' })
      assert.equal((await mail.deliver(ctx, id)).state, 'sent')
      assert.match(taken()[0]?.content.toString() ?? '', /the secret link/)
      await assert.rejects(mail.content(ctx, id), { code: 'mail_confidential' })
    })

    it('sends the rest to those who have not got it: one is refused, one has to wait', async () => {
      const { mail, server } = bench
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx, { to: THREE })
      server.manners.onReceiver = (address) =>
        ({ bob: '550 5.1.1 no such user', cem: '450 4.2.0 greylisted' })[address.slice(0, 3)]
      await assert.rejects(mail.deliver(ctx, id), (error) => {
        assert.ok(error instanceof MailDeliveryError)
        assert.equal(error.fault, 'deferred')
        assert.equal(error.retryable, true)
        assert.ok((error.retryAfterMs ?? 0) >= 300_000)
        return true
      })
      const states = async () => (await mail.message(ctx, id)).recipients.map(({ state }) => state)
      assert.deepEqual(await states(), ['sent', 'failed', 'queued'])
      assert.equal((await mail.message(ctx, id)).state, 'queued')
      server.manners.onReceiver = undefined
      const sent = await mail.deliver(ctx, id)
      assert.equal(sent.state, 'sent')
      assert.deepEqual(await states(), ['sent', 'failed', 'sent'])
      assert.match(sent.recipients[1]?.response ?? '', /^550 5\.1\.1/)
      assert.deepEqual(
        taken().map(({ to }) => to),
        [['ann@example.org'], ['cem@example.org']],
      )
      assert.deepEqual(taken()[0]?.content, taken()[1]?.content, 'the same message, Message-ID and all')
      const listed = await mail.suppression(ctx, 'BOB@example.org')
      assert.deepEqual([listed?.reason, listed?.messageId], ['bounce', id], 'who does not exist is not sent to again')
      assert.equal(await mail.suppression(ctx, 'cem@example.org'), null)
    })

    it('is done with what was sent: nothing is sent again', async () => {
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      const first = await bench.mail.deliver(ctx, id)
      assert.deepEqual(await bench.mail.deliver(ctx, id), first)
      assert.equal(taken().length, 1)
    })

    it('is done with what was refused, says so again, and sends it when somebody asks for that', async () => {
      const { db, mail, server } = bench
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx, { to: THREE })
      server.manners.onMessage = () => '554 5.7.1 looks like spam'
      for (let time = 0; time < 2; time++) {
        await assert.rejects(mail.deliver(ctx, id), (error) => {
          assert.ok(isError(error, mailErrors.mail_refused) && error instanceof MailDeliveryError)
          assert.deepEqual([error.retryable, error.retryAfterMs], [false, null])
          assert.match(error.response, /looks like spam/)
          return true
        })
      }
      const failed = await mail.message(ctx, id)
      assert.deepEqual([failed.state, failed.attempts, failed.lastError?.fault], ['failed', 1, 'refused'])
      server.manners.onMessage = undefined
      const again = await db.transaction(ctx, (tx) => mail.requeue(ctx, tx, id))
      assert.equal(again.state, 'queued')
      assert.equal((await mail.deliver(ctx, id)).state, 'sent')
      assert.deepEqual(await mail.suppressions(ctx), { suppressions: [], nextCursor: null }, 'spam is no bad address')
    })

    it('waits longer from attempt to attempt, and can be given up', async () => {
      const { db, mail, server } = bench
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      server.manners.onReceiver = () => '450 4.2.0 greylisted'
      const waits: number[] = []
      for (let attempt = 1; attempt <= 6; attempt++) {
        await assert.rejects(mail.deliver(ctx, id), (error) => {
          assert.ok(error instanceof MailDeliveryError && error.retryable)
          waits.push(error.retryAfterMs ?? 0)
          return true
        })
      }
      assert.ok((waits[0] as number) < 400_000 && (waits[1] as number) >= 600_000, String(waits))
      assert.ok(
        waits.every((wait) => wait <= 3_600_000 * 1.2),
        String(waits),
      )
      const { attempts, lastError } = await mail.message(ctx, id)
      assert.deepEqual([attempts, lastError?.fault, lastError?.response], [6, 'deferred', '450 4.2.0 greylisted'])
      const given = await db.transaction(ctx, (tx) => mail.abandon(ctx, tx, id, 'tried for two days'))
      assert.deepEqual([given.state, given.recipients[0]?.response], ['failed', 'tried for two days'])
      await assert.rejects(mail.deliver(ctx, id), { code: 'mail_refused' })
      assert.equal(taken().length, 0)
    })

    it('has one attempt at a time', async () => {
      const reached = Promise.withResolvers<void>()
      const release = Promise.withResolvers<void>()
      await using slow = await startRawServer(
        (socket) => void socket.write('220 slow\r\n'),
        (line, socket) => {
          if (!line.startsWith('RCPT')) return void socket.write(line === 'DATA' ? '354 go\r\n' : '250 ok\r\n')
          reached.resolve()
          void release.promise.then(() => socket.write('550 5.7.1 no\r\n'))
        },
      )
      await using transport = createSmtpTransport({ host: '127.0.0.1', port: slow.port, security: 'none' })
      const mail = bench.another({ transport })
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      const first = mail.deliver(ctx, id)
      first.catch(() => undefined)
      await inTime(reached.promise, 'the first attempt')
      await assert.rejects(bench.mail.deliver(ctx, id), (error) => {
        assert.ok(isError(error, mailErrors.mail_in_flight))
        assert.ok(error.retryable && (error.retryAfterSeconds ?? 0) > 60)
        return true
      })
      for (const verb of ['abandon', 'requeue'] as const) {
        const early = bench.db.transaction(ctx, (tx) => bench.mail[verb](ctx, tx, id, 'x'))
        await assert.rejects(early, { code: 'mail_in_flight' })
      }
      release.resolve()
      await assert.rejects(first, { code: 'mail_refused' })
      assert.equal(taken().length, 0)
    })

    it('sends again under the same Message-ID when the process died before it could write that it was sent', async () => {
      let dies = true
      const mail = bench.another({
        record({ state }) {
          if (dies && state === 'sent') throw new Error('killed')
        },
      })
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      await assert.rejects(mail.deliver(ctx, id), /killed/)
      dies = false
      assert.equal((await mail.message(ctx, id)).state, 'sending')
      await assert.rejects(mail.deliver(ctx, id), { code: 'mail_in_flight' })
      await passLease(ctx, id)
      const sent = await mail.deliver(ctx, id)
      assert.deepEqual([sent.state, sent.attempts], ['sent', 2])
      const ids = taken().map(({ content }) => read(content).headers.get('message-id'))
      assert.deepEqual(ids, [sent.messageId, sent.messageId])
    })

    it('believes an attempt that outlived its lease whom it reached, and does not let it end the next one', async () => {
      const { server } = bench
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      const slow = bench.another({
        transport: overtaken(bench.transport, async () => {
          await passLease(ctx, id)
          server.manners.onReceiver = () => '450 4.2.0 later'
          await assert.rejects(bench.mail.deliver(ctx, id), { fault: 'deferred' })
          server.manners.onReceiver = undefined
        }),
      })
      const late = await slow.deliver(ctx, id).catch((error: unknown) => error)
      assert.ok(late instanceof MailDeliveryError, 'the message says what the later attempt said')
      const { attempts, recipients } = await bench.mail.message(ctx, id)
      assert.deepEqual([attempts, recipients[0]?.state], [2, 'sent'])
      assert.equal((await bench.mail.deliver(ctx, id)).state, 'sent')
      assert.equal(taken().length, 1, 'who got it does not get it again')
    })

    it('sends nothing to whom nothing is to be sent', async () => {
      const { mail } = bench
      const ctx = await bench.tenant()
      await mail.suppress(ctx, { address: 'Bob@Example.org', note: 'asked by telephone' })
      const id = await bench.compose(ctx, { to: ['bob@example.org', 'ann@example.org'] })
      const sent = await mail.deliver(ctx, id)
      assert.deepEqual(
        sent.recipients.map(({ address, state, response }) => [address, state, response]),
        [
          ['ann@example.org', 'sent', null],
          ['bob@example.org', 'suppressed', 'manual'],
        ],
      )
      assert.deepEqual(taken()[0]?.to, ['ann@example.org'])
      const alone = await bench.compose(ctx, { to: ['bob@example.org'] })
      assert.equal((await mail.deliver(ctx, alone)).state, 'suppressed')
      assert.equal((await mail.deliver(ctx, alone)).attempts, 1)
      assert.equal(taken().length, 1)
      const other = await bench.tenant()
      assert.equal((await mail.deliver(other, await bench.compose(other, { to: ['bob@example.org'] }))).state, 'sent')
    })

    it('can be given up by whoever waits, and is sent later', async () => {
      const reached = Promise.withResolvers<void>()
      await using silent = await startRawServer(() => reached.resolve())
      await using transport = createSmtpTransport({ host: '127.0.0.1', port: silent.port, security: 'none' })
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      const cancel = new AbortController()
      const sending = bench.another({ transport }).deliver(ctx, id, { signal: cancel.signal })
      sending.catch(() => undefined)
      await inTime(reached.promise, 'the connection')
      cancel.abort(new Error('the worker stops'))
      await assert.rejects(inTime(sending, 'the end'), { fault: 'interrupted', retryable: true })
      assert.equal((await bench.mail.message(ctx, id)).state, 'queued')
      await assert.rejects(bench.mail.deliver(ctx, id, { signal: cancel.signal }), { fault: 'interrupted' })
      assert.equal((await bench.mail.deliver(ctx, id)).state, 'sent')
    })

    it('does not hold a transaction open for as long as a provider takes', async () => {
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      const inside = bench.db.transaction(ctx, () => bench.mail.deliver(ctx, id))
      await assert.rejects(inside, { code: 'mail_inside_transaction' })
    })

    for (const [name, open] of Object.entries(carriers)) {
      it(`goes by ${name}`, async () => {
        await using carrier = await open()
        const mail = bench.another({ transport: carrier.transport, options: { returnPath: 'bounces@stoa.example' } })
        const ctx = await bench.tenant()
        const sent = await mail.deliver(ctx, await bench.compose(ctx))
        assert.deepEqual([sent.state, sent.transport], ['sent', name])
        const [arrived] = await carrier.taken()
        assert.equal(arrived?.from, 'bounces@stoa.example')
        assert.equal(read(arrived?.content ?? '').headers.get('from'), 'Stoa <post@stoa.example>')
      })
    }

    it('belongs to its tenant, pooled or in a schema of its own', async () => {
      const { db, mail } = bench
      const [ctx, placed] = [await bench.tenant(), await bench.tenant('schema')]
      const id = await bench.compose(placed)
      assert.equal((await mail.deliver(placed, id)).state, 'sent')
      for (const look of [
        () => mail.message(ctx, id),
        () => mail.content(ctx, id),
        () => mail.deliver(ctx, id),
        () => db.transaction(ctx, (tx) => mail.abandon(ctx, tx, id, 'x')),
        () => db.transaction(ctx, (tx) => mail.requeue(ctx, tx, id)),
        () => mail.message(placed, 'no id'),
        () => mail.deliver(placed, 'no id'),
      ]) {
        await assert.rejects(look(), { code: 'mail_not_found' })
      }
      assert.deepEqual((await mail.messages(ctx)).messages, [])
      await assert.rejects(
        db.transaction(ctx, (tx) => mail.compose(placed, tx, { to: ['a@b.example'], subject: 'x', text: 'x' })),
        /its own tenant/,
      )
    })

    it('is listed newest first, by state, by receiver, page by page', async () => {
      const { mail, server } = bench
      const ctx = await bench.tenant()
      const ids: string[] = []
      for (let n = 0; n < 5; n++) ids.unshift(await bench.compose(ctx, { to: [`${n % 2}@example.org`] }))
      server.manners.onReceiver = () => '550 5.7.1 no'
      await assert.rejects(mail.deliver(ctx, ids[0] as string))
      server.manners.onReceiver = undefined
      await mail.deliver(ctx, ids[1] as string)
      const walk = async (filter: Parameters<typeof mail.messages>[1]) => {
        const seen: string[] = []
        for (let cursor: string | undefined; ; ) {
          const page = await mail.messages(ctx, { ...filter, limit: 2, ...(cursor !== undefined && { cursor }) })
          seen.push(...page.messages.map(({ id }) => id))
          if (page.nextCursor === null) return seen
          cursor = page.nextCursor
        }
      }
      assert.deepEqual(await walk({}), ids)
      assert.deepEqual(await walk({ state: 'failed' }), [ids[0]])
      assert.deepEqual(await walk({ state: 'sent' }), [ids[1]])
      assert.deepEqual(await walk({ state: 'queued' }), ids.slice(2))
      assert.deepEqual(await walk({ recipient: '0@EXAMPLE.org' }), [ids[0], ids[2], ids[4]])
      for (const filter of [
        { limit: 0 },
        { limit: 101 },
        { state: 'gone' as never },
        { recipient: 'x' },
        { recipient: 'a@b.example', state: 'sent' as const },
      ]) {
        await assert.rejects(mail.messages(ctx, filter), (error) => isError(error, errors.validation_failed))
      }
      await assert.rejects(mail.messages(ctx, { cursor: 'x' }), { code: 'invalid_cursor' })
    })

    it('tells of each change in the transaction that writes it', async () => {
      const { changes, mail, server } = bench
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx, { to: ['ann@example.org', 'bob@example.org'] })
      server.manners.onReceiver = (address) => (address.startsWith('bob') ? '450 4.2.0 later' : undefined)
      await assert.rejects(mail.deliver(ctx, id))
      server.manners.onReceiver = undefined
      await mail.deliver(ctx, id)
      assert.deepEqual(
        changes
          .filter((change) => change.id === id)
          .map(({ state, recipients }) => [state, recipients.map(({ state }) => state)]),
        [
          ['queued', ['queued', 'queued']],
          ['queued', ['sent']],
          ['sent', ['sent']],
        ],
      )
    })

    it('forgets what is old and over, and nothing else', async () => {
      const { db, mail } = bench
      const ctx = await bench.tenant()
      const [old, waiting, young] = [await bench.compose(ctx), await bench.compose(ctx), await bench.compose(ctx)]
      await mail.deliver(ctx, old)
      await mail.deliver(ctx, young)
      await db.admin((session) =>
        session.exec(`begin; set local role stoa_app; set local stoa.tenant = '${ctx.tenant.id}';
          update stoa.mail_messages set created_at = now() - interval '31 days' where id <> '${young}'; commit`),
      )
      assert.equal(await mail.forget(testCtx(), 30), 1)
      await assert.rejects(mail.message(ctx, old), { code: 'mail_not_found' })
      await assert.rejects(mail.content(ctx, old), { code: 'mail_not_found' })
      assert.equal((await mail.message(ctx, waiting)).state, 'queued')
      assert.equal((await mail.message(ctx, young)).recipients.length, 1)
      await assert.rejects(mail.forget(testCtx(), 0), RangeError)
    })

    it('asks for permissions where people look and set', async () => {
      const { mail } = bench
      const ctx = await bench.tenant('pool', { permissions: new Set(['links:*']) })
      const id = await bench.compose(ctx)
      await mail.deliver(ctx, id)
      for (const look of [
        () => mail.message(ctx, id),
        () => mail.content(ctx, id),
        () => mail.messages(ctx),
        () => mail.suppressions(ctx),
        () => mail.suppression(ctx, 'ann@example.org'),
        () => mail.suppress(ctx, { address: 'ann@example.org' }),
        () => mail.unsuppress(ctx, 'ann@example.org'),
        () => mail.sender(ctx),
        () => mail.setSender(ctx, { from: 'ann@example.org' }),
        () => mail.removeSender(ctx),
      ]) {
        await assert.rejects(look(), { code: 'forbidden' })
      }
    })

    /** The lease of an attempt is over: time passes in the database, whose clock nobody can set. */
    async function passLease(ctx: Ctx, id: string): Promise<void> {
      await bench.db.admin((session) =>
        session.exec(`begin; set local role stoa_app; set local stoa.tenant = '${ctx.tenant.id}';
          update stoa.mail_messages set attempt_until = now() - interval '1 second' where id = '${id}'; commit`),
      )
    }
  })
}
