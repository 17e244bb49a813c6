import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { errors, isError } from '@stoa/kernel'
import {
  CERTIFICATE_URL,
  engines,
  makeCertificate,
  SNS_REGION,
  SNS_TOPIC,
  startSns,
  TestClock,
  type TestSns,
  testCtx,
} from '@stoa/testkit'
import { createSesIntake } from '../src/index.ts'
import { type Bench, setup } from './setup.ts'

const nobody = { recordFeedback: () => Promise.reject(new Error('nothing was to be recorded')) }
const CONFIRMS = `GET /?Action=ConfirmSubscription&TopicArn=${SNS_TOPIC}&Token=2336412f37`

describe('messages of SNS', () => {
  const open = (sns: TestSns) => createSesIntake({ topicArns: [SNS_TOPIC] }, { mail: nobody, agent: sns.agent })

  for (const version of ['1', '2']) {
    it(`are believed with a signature of version ${version}, with and without a subject, in any script`, async () => {
      await using sns = await startSns()
      const intake = open(sns)
      for (const over of [{}, { Subject: 'Grüße' }, { Message: 'Ελληνικά\n🏛' }]) {
        const { kind } = await intake.receive(testCtx(), sns.message({ SignatureVersion: version, ...over }))
        assert.equal(kind, 'ignored')
      }
      assert.equal(sns.asked.length, 1, 'the certificate is fetched once')
    })
  }

  it('are refused when anything in them was changed', async () => {
    await using sns = await startSns()
    const stranger = makeCertificate({ name: 'sns.amazonaws.com' })
    for (const body of [
      sns.message({}, { Message: '{ }' }),
      sns.message({}, { Subject: 'added' }),
      sns.message({}, { Timestamp: '2026-01-02T03:04:06.000Z' }),
      sns.message({}, { MessageId: 'x' }),
      sns.message({}, { Signature: '' }),
      sns.message({}, { Signature: 'AAAA' }),
      sns.message({}, { SignatureVersion: '1' }),
      sns.message({}, { SignatureVersion: '3' }),
      sns.message({}, { SignatureVersion: undefined }),
      sns.message({}, { Type: 'UnsubscribeConfirmation' }),
      sns.message({ Message: 'a\nMessageId\nb' }, { Message: 'a', MessageId: 'b' }),
      sns.message({}, {}, stranger),
    ]) {
      await assert.rejects(open(sns).receive(testCtx(), body), { code: 'mail_feedback_refused' }, body)
    }
  })

  it('of another topic are refused before anything is fetched', async () => {
    await using sns = await startSns()
    for (const arn of [`${SNS_TOPIC}2`, SNS_TOPIC.replace('123456789012', '999999999999'), '', undefined]) {
      await assert.rejects(open(sns).receive(testCtx(), sns.message({ TopicArn: arn })), {
        code: 'mail_feedback_refused',
      })
    }
    assert.deepEqual(sns.asked, [])
  })

  it('have their certificate from Amazon, in the region of the topic, and from nowhere else', async () => {
    await using sns = await startSns()
    const host = `sns.${SNS_REGION}.amazonaws.com`
    const file = '/SimpleNotificationService-0123abcd.pem'
    for (const url of [
      `http://${host}${file}`,
      `https://${host}.evil.example${file}`,
      `https://evil.example/${host}${file}`,
      `https://evil.example#${host}${file}`,
      `https://${host}@evil.example${file}`,
      `https://user@${host}${file}`,
      `https://${host}:8443${file}`,
      `https://sns.us-east-1.amazonaws.com${file}`,
      `https://sns.${SNS_REGION}.amazonaws.com.cn${file}`,
      `https://snsx${SNS_REGION}.amazonaws.com${file}`,
      `https://bucket.s3.${SNS_REGION}.amazonaws.com${file}`,
      `https://${host}/bucket${file}`,
      `https://${host}${file}?x=1`,
      `https://${host}/SimpleNotificationService-..%2f.pem`,
      `https://${host}/other.pem`,
      'file:///etc/passwd',
      '',
      undefined,
      { href: CERTIFICATE_URL },
    ]) {
      const body = sns.message({ SigningCertURL: url })
      await assert.rejects(open(sns).receive(testCtx(), body), { code: 'mail_feedback_refused' }, String(url))
    }
    assert.deepEqual(sns.asked, [])
  })

  it('are refused with a certificate that is not valid now, or is none', async () => {
    await using sns = await startSns()
    const put = (body: string, status = 200) =>
      sns.answers.set('/SimpleNotificationService-0123abcd.pem', { status, body })
    const late = testCtx({ clock: new TestClock(Date.now() + 7 * 86_400_000) })
    await assert.rejects(open(sns).receive(late, sns.message()), { code: 'mail_feedback_refused' })
    put('no certificate')
    await assert.rejects(open(sns).receive(testCtx(), sns.message()), { code: 'mail_feedback_refused' })
    put('', 503)
    const intake = open(sns)
    await assert.rejects(intake.receive(testCtx(), sns.message()), (error) => {
      assert.ok(isError(error, errors.unavailable) && error.retryable, 'SNS sends again')
      return true
    })
    put('x'.repeat(100_000))
    await assert.rejects(intake.receive(testCtx(), sns.message()), { code: 'unavailable' })
    put(sns.signer.cert)
    assert.equal((await intake.receive(testCtx(), sns.message())).kind, 'ignored', 'a failure is not remembered')
  })

  it('are not fetched from a server that only says that it is Amazon', async () => {
    await using sns = await startSns()
    await using other = await startSns()
    const agent = Object.assign(sns.agent, { createConnection: other.agent.createConnection.bind(other.agent) })
    const intake = createSesIntake({ topicArns: [SNS_TOPIC] }, { mail: nobody, agent })
    await assert.rejects(intake.receive(testCtx(), sns.message()), { code: 'unavailable' })
    assert.deepEqual(other.asked, [])
  })

  it('confirm a subscription of our topic, at Amazon alone; its end is said in the log', async () => {
    await using sns = await startSns()
    sns.answers.set('/', { status: 200, body: '<ConfirmSubscriptionResponse/>' })
    const Type = 'SubscriptionConfirmation'
    assert.equal((await open(sns).receive(testCtx(), sns.message({ Type }))).kind, 'confirmed')
    assert.equal(sns.asked.at(-1), CONFIRMS)
    for (const SubscribeURL of [
      'https://evil.example/?Action=ConfirmSubscription',
      `https://sns.${SNS_REGION}.amazonaws.com/?Action=DeleteTopic&TopicArn=${SNS_TOPIC}`,
      `https://sns.${SNS_REGION}.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${SNS_TOPIC}2`,
    ]) {
      const body = sns.message({ Type, SubscribeURL })
      await assert.rejects(open(sns).receive(testCtx(), body), { code: 'mail_feedback_refused' })
    }
    sns.answers.set('/', { status: 500, body: '' })
    await assert.rejects(open(sns).receive(testCtx(), sns.message({ Type })), { code: 'unavailable' })
    const asked = sns.asked.length
    const ended = await open(sns).receive(testCtx(), sns.message({ Type: 'UnsubscribeConfirmation' }))
    assert.equal(ended.kind, 'ended')
    assert.equal(sns.asked.length, asked + 1, 'nobody subscribes again by itself')
  })

  it('are messages of SNS', async () => {
    await using sns = await startSns()
    for (const body of [
      '',
      '{',
      'null',
      '[]',
      '"x"',
      '{}',
      '{"Type":"constructor"}',
      '{"Type":1}',
      'x'.repeat(2_000_000),
    ]) {
      await assert.rejects(open(sns).receive(testCtx(), body), { code: 'invalid_request' }, body.slice(0, 40))
    }
  })

  it('come from topics that are named in full', () => {
    for (const topicArns of [
      [],
      ['*'],
      ['arn:aws:sns:eu-central-1:123:x'],
      [`${SNS_TOPIC}*`],
      Array(21).fill(SNS_TOPIC),
    ]) {
      assert.throws(
        () => createSesIntake({ topicArns }, { mail: nobody }),
        (error) => isError(error, errors.invalid_options),
      )
    }
  })
})

for (const engine of engines) {
  describe(`bounces and complaints by SES: ${engine}`, () => {
    let bench: Bench
    let sns: TestSns
    before(async () => {
      bench = await setup(engine)
      sns = await startSns()
    })
    after(async () => {
      await sns[Symbol.asyncDispose]()
      await bench[Symbol.asyncDispose]()
    })
    const told = async (notification: object) => {
      const intake = createSesIntake({ topicArns: [SNS_TOPIC] }, { mail: bench.mail, agent: sns.agent })
      return intake.receive(testCtx(), sns.message({ Message: JSON.stringify(notification) }))
    }
    async function sent() {
      const ctx = await bench.tenant()
      const { id, providerId } = await bench.mail.deliver(ctx, await bench.compose(ctx))
      const state = async () => (await bench.mail.message(ctx, id)).state
      const reason = async () => (await bench.mail.suppression(ctx, 'ann@example.org'))?.reason
      return { ctx, id, state, reason, mail: { messageId: providerId, destination: ['ann@example.org'] } }
    }
    const bouncedRecipients = [
      { emailAddress: 'ann@example.org', action: 'failed', status: '5.1.1', diagnosticCode: 'smtp; 550 5.1.1 unknown' },
    ]

    it('a permanent bounce ends mail to the address; told again, it changes nothing', async () => {
      const { id, mail, reason, state } = await sent()
      const notification = {
        notificationType: 'Bounce',
        bounce: { bounceType: 'Permanent', bounceSubType: 'General', bouncedRecipients, feedbackId: '1' },
        mail,
      }
      const { kind, feedback } = await told(notification)
      assert.deepEqual([kind, feedback?.id, feedback?.changed], ['feedback', id, ['ann@example.org']])
      assert.deepEqual([await state(), await reason()], ['bounced', 'bounce'])
      assert.deepEqual((await told(notification)).feedback?.changed, [])
    })

    it('a transient bounce is seen, and ends nothing', async () => {
      const { mail, reason, state } = await sent()
      await told({ eventType: 'Bounce', bounce: { bounceType: 'Transient', bouncedRecipients }, mail })
      assert.deepEqual([await state(), await reason()], ['bounced', undefined])
    })

    it('a complaint ends mail to the address; its opposite does not', async () => {
      const { mail, reason, state } = await sent()
      const complainedRecipients = [{ emailAddress: 'ann@example.org' }]
      const complaint = (complaintFeedbackType: string) => ({
        notificationType: 'Complaint',
        complaint: { complainedRecipients, complaintFeedbackType },
        mail,
      })
      assert.equal((await told(complaint('not-spam'))).kind, 'ignored')
      assert.equal(await state(), 'sent')
      await told(complaint('abuse'))
      assert.deepEqual([await state(), await reason()], ['complained', 'complaint'])
    })

    it('an event of a configuration set finds the message by its tag', async () => {
      const ctx = await bench.tenant()
      const id = await bench.compose(ctx)
      const mail = { messageId: 'unknown', tags: { 'stoa-message': [`${ctx.tenant.id}_${id}`] } }
      const { feedback } = await told({
        eventType: 'Bounce',
        bounce: { bounceType: 'Permanent', bouncedRecipients },
        mail,
      })
      assert.equal(feedback?.id, id)
    })

    it('deliveries, tests and nonsense are taken, and change nothing', async () => {
      const { mail, state } = await sent()
      for (const notification of [
        { notificationType: 'Delivery', mail },
        { eventType: 'Open', mail },
        { mail },
        [],
        {},
      ]) {
        assert.equal((await told(notification)).kind, 'ignored')
      }
      await told({ notificationType: 'Bounce', mail })
      await told({
        notificationType: 'Bounce',
        mail,
        bounce: { bounceType: 'Permanent', bouncedRecipients: [null, 5, {}] },
      })
      assert.equal(await state(), 'sent')
    })
  })
}
