import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import { MailDeliveryError, mailErrors } from '../src/index.ts'
import { carriers } from './carriers.ts'
import { outgoing } from './outgoing.ts'

for (const [engine, open] of Object.entries(carriers)) {
  describe(`transport: ${engine}`, () => {
    it('hands the message over byte by byte, to everybody of the envelope', async () => {
      await using carrier = await open()
      const to = ['ann@example.org', 'hidden@example.net', "o'neill+x@xn--bcher-kva.example"]
      const mail = outgoing({ to })
      const delivery = await carrier.transport.send(mail)
      assert.deepEqual(delivery.accepted, to)
      assert.deepEqual(delivery.rejected, [])
      assert.ok(delivery.providerId)
      const [taken] = await carrier.taken()
      assert.equal(taken?.content.toString(), mail.content.toString())
      assert.deepEqual({ from: taken?.from, to: taken?.to }, { from: 'shop@example.org', to })
    })

    it('carries many at the same time, each once', async () => {
      await using carrier = await open()
      const mails = Array.from({ length: 40 }, (_, n) => outgoing({ text: `number ${n}` }))
      const deliveries = await Promise.all(mails.map((mail) => carrier.transport.send(mail)))
      assert.equal(new Set(deliveries.map(({ providerId }) => providerId)).size, 40)
      const sorted = (contents: readonly { readonly content: Buffer }[]) =>
        contents.map(({ content }) => `${content}`).sort()
      assert.deepEqual(sorted(await carrier.taken()), sorted(mails))
    })

    it('does not begin what was given up', async () => {
      await using carrier = await open()
      const reason = new Error('the job was cancelled')
      await assert.rejects(carrier.transport.send(outgoing(), { signal: AbortSignal.abort(reason) }), (error) => {
        assert.ok(error instanceof MailDeliveryError)
        assert.equal(error.fault, 'interrupted')
        assert.equal(error.cause, reason)
        return true
      })
      assert.deepEqual(await carrier.taken(), [])
    })

    it('refuses what is too large, has too many receivers or none', async () => {
      await using carrier = await open()
      const { transport } = carrier
      const crowd = Array.from({ length: transport.maxRecipients + 1 }, (_, n) => `${n}@example.org`)
      const large = Buffer.alloc(transport.maxBytes + 1)
      for (const mail of [outgoing({ content: large }), outgoing({ to: crowd }), outgoing({ to: [] })]) {
        await assert.rejects(transport.send(mail), (error) => isError(error, mailErrors.mail_refused))
      }
      assert.deepEqual(await carrier.taken(), [])
    })

    it('takes nothing after it was closed, and can be closed again', async () => {
      await using carrier = await open()
      await carrier.transport.send(outgoing())
      await carrier.transport[Symbol.asyncDispose]()
      await carrier.transport[Symbol.asyncDispose]()
      await assert.rejects(carrier.transport.send(outgoing()), { fault: 'interrupted' })
      assert.equal((await carrier.taken()).length, 1)
    })

    it('says what kind of failure it was, and works again when the provider does', async () => {
      await using carrier = await open()
      const { transport, failures } = carrier
      assert.ok(Object.keys(failures).length > 0)
      for (const [name, { begin, fault }] of Object.entries(failures)) {
        await carrier.recover()
        await transport.send(outgoing())
        await begin()
        const before = await carrier.taken().catch(() => [])
        await assert.rejects(transport.send(outgoing()), (error) => {
          assert.ok(error instanceof MailDeliveryError, String(error))
          assert.equal(error.fault, fault, `${name}: ${error.response}`)
          assert.equal(error.retryable, fault !== 'refused')
          assert.equal(error.retryAfterMs !== null, error.retryable)
          assert.equal(JSON.stringify(error).includes('example.org'), false, 'nothing of the answer is public')
          return true
        })
        assert.equal((await carrier.taken().catch(() => [])).length, before.length, name)
        await carrier.recover()
        assert.deepEqual((await transport.send(outgoing())).rejected, [], name)
      }
    })
  })
}
