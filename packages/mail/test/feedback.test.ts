import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Ctx, errors, isError, isId } from '@stoa/kernel'
import { engines, testCtx } from '@stoa/testkit'
import type { MailFeedback } from '../src/index.ts'
import { type Bench, setup } from './setup.ts'

for (const engine of engines) {
  describe(`feedback and suppression: ${engine}`, () => {
    let bench: Bench
    before(async () => {
      bench = await setup(engine)
    })
    after(() => bench[Symbol.asyncDispose]())

    async function sentTo(ctx: Ctx, ...to: string[]) {
      const sent = await bench.mail.deliver(ctx, await bench.compose(ctx, { to }))
      return { id: sent.id, providerId: sent.providerId as string }
    }
    const told = (feedback: Partial<MailFeedback> & { providerId: string }) =>
      bench.mail.recordFeedback(testCtx(), { kind: 'bounce', permanent: true, recipients: [], ...feedback })

    for (const placement of ['pool', 'schema'] as const) {
      it(`a hard bounce is seen at the receiver, and ends mail to the address (${placement})`, async () => {
        const { mail } = bench
        const ctx = await bench.tenant(placement)
        const { id, providerId } = await sentTo(ctx, 'ann@example.org', 'bob@example.org')
        const recipients = [{ address: 'Bob <BOB@example.org>', response: 'smtp; 550 5.1.1\r\nuser unknown' }]
        const report = await told({ providerId, recipients })
        assert.deepEqual([report.id, report.tenant?.id, report.changed], [id, ctx.tenant.id, ['bob@example.org']])
        const message = await mail.message(ctx, id)
        assert.equal(message.state, 'bounced')
        assert.deepEqual(
          message.recipients.map(({ state, response }) => [state, response]),
          [
            ['sent', null],
            ['bounced', 'smtp; 550 5.1.1 user unknown'],
          ],
        )
        const listed = await mail.suppression(ctx, 'bob@example.org')
        assert.deepEqual([listed?.reason, listed?.messageId], ['bounce', id])
        assert.equal(await mail.suppression(ctx, 'ann@example.org'), null)
        const later = await mail.deliver(ctx, await bench.compose(ctx, { to: ['bob@example.org'] }))
        assert.equal(later.state, 'suppressed')
        const change = bench.changes.filter((change) => change.id === id).at(-1)
        assert.deepEqual(
          [change?.state, change?.recipients],
          ['bounced', [{ address: 'bob@example.org', state: 'bounced' }]],
        )
      })
    }

    it('the same told again changes nothing, also when the address was taken off the list since', async () => {
      const { mail } = bench
      const ctx = await bench.tenant()
      const { providerId } = await sentTo(ctx, 'ann@example.org')
      const recipients = [{ address: 'ann@example.org' }]
      await told({ providerId, recipients })
      assert.equal((await mail.unsuppress(ctx, 'ANN@example.org'))?.reason, 'bounce')
      assert.deepEqual((await told({ providerId, recipients })).changed, [])
      assert.equal(await mail.suppression(ctx, 'ann@example.org'), null)
      assert.equal(await mail.unsuppress(ctx, 'ann@example.org'), null)
    })

    it('a complaint is worse than a bounce, in whatever order they are told', async () => {
      const { mail } = bench
      const ctx = await bench.tenant()
      const { id, providerId } = await sentTo(ctx, 'ann@example.org')
      const recipients = [{ address: 'ann@example.org' }]
      await told({ providerId, recipients, kind: 'complaint', permanent: false })
      await told({ providerId, recipients })
      assert.equal((await mail.message(ctx, id)).state, 'complained')
      assert.equal((await mail.suppression(ctx, 'ann@example.org'))?.reason, 'complaint')
    })

    it('a bounce that may pass ends nothing', async () => {
      const ctx = await bench.tenant()
      const { id, providerId } = await sentTo(ctx, 'ann@example.org')
      await told({ providerId, permanent: false, recipients: [{ address: 'ann@example.org' }] })
      assert.equal((await bench.mail.message(ctx, id)).state, 'bounced')
      assert.equal(await bench.mail.suppression(ctx, 'ann@example.org'), null)
    })

    it('it is found by our own name when the process died before it knew the name of the provider', async () => {
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      const mailId = `${ctx.tenant.id}_${id}`
      const report = await told({ providerId: 'never written', mailId, recipients: [{ address: 'ann@example.org' }] })
      assert.equal(report.id, id)
      assert.equal((await bench.mail.message(ctx, id)).state, 'bounced')
    })

    it('what is about nothing here changes nothing: other mail, other receivers, nonsense', async () => {
      const ctx = await bench.tenant()
      const { id, providerId } = await sentTo(ctx, 'ann@example.org')
      const nothing = { id: null, tenant: null, changed: [] }
      assert.deepEqual(await told({ providerId: 'unknown' }), nothing)
      assert.deepEqual(await told({ providerId: '' }), nothing)
      assert.deepEqual(await told({ providerId: 'x', mailId: `${ctx.tenant.id}_x` }), nothing)
      const others = [{ address: 'bob@example.org' }, { address: '' }, { address: '<'.repeat(1_000) }]
      assert.deepEqual((await told({ providerId, recipients: others })).changed, [])
      assert.equal((await bench.mail.message(ctx, id)).state, 'sent')
    })

    it('the list is read page by page; each tenant has its own', async () => {
      const { mail } = bench
      const [ctx, other] = [await bench.tenant(), await bench.tenant()]
      for (const name of ['c', 'a', 'b']) await mail.suppress(ctx, { address: `${name}@example.org` })
      const first = await mail.suppressions(ctx, { limit: 2 })
      assert.deepEqual(
        first.suppressions.map(({ address }) => address),
        ['a@example.org', 'b@example.org'],
      )
      const second = await mail.suppressions(ctx, { limit: 2, cursor: first.nextCursor as string })
      assert.deepEqual(
        second.suppressions.map(({ address }) => address),
        ['c@example.org'],
      )
      assert.equal(second.nextCursor, null)
      assert.deepEqual((await mail.suppressions(other)).suppressions, [])
      await assert.rejects(mail.suppressions(ctx, { cursor: '???' }), (error) => isError(error, errors.invalid_cursor))
      await assert.rejects(mail.suppressions(ctx, { limit: 1_000 }), (error) =>
        isError(error, errors.validation_failed),
      )
    })

    it('what is on the list stays as it was first put there; bad addresses do not come onto it', async () => {
      const { mail } = bench
      const ctx = await bench.tenant()
      await mail.suppress(ctx, { address: 'Ann@BÜCHER.example', reason: 'unsubscribe' })
      const again = await mail.suppress(ctx, { address: 'ann@bücher.example', note: 'x' })
      assert.deepEqual([again.address, again.reason, again.note], ['ann@xn--bcher-kva.example', 'unsubscribe', null])
      assert.equal(isId(again.messageId), false)
      for (const input of [{ address: 'x' }, { address: 'a@b.example', note: 'a\nb' }]) {
        await assert.rejects(mail.suppress(ctx, input), { code: 'mail_invalid' })
      }
      assert.equal(await mail.unsuppress(ctx, 'nonsense'), null)
      assert.equal(await mail.suppression(ctx, 'nonsense'), null)
    })
  })
}
