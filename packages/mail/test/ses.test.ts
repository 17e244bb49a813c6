import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually, inTime } from '@stoa/testkit'
import { createSesTransport, type SesTransportOptions } from '../src/index.ts'
import { outgoing } from './outgoing.ts'
import { SES_KEYS, SES_REGION, startSesServer, type TestSesServer } from './ses-server.ts'

const to = ({ endpoint }: TestSesServer, over: Partial<SesTransportOptions> = {}) =>
  createSesTransport({ region: SES_REGION, credentials: () => SES_KEYS, endpoint, ...over })

describe('SES', () => {
  it('names the configuration set, and the message by a tag', async () => {
    await using server = await startSesServer()
    await using transport = to(server, { configurationSet: 'stoa' })
    const mail = outgoing({ id: 'tenant.message' })
    const { providerId } = await transport.send(mail)
    assert.equal(providerId, '0102-1')
    assert.equal(server.taken[0]?.configurationSet, 'stoa')
    assert.deepEqual(server.taken[0]?.tags, { 'stoa-message': 'tenant_message' })
  })

  it('is refused with keys that are wrong, which is no fault of the message', async () => {
    await using server = await startSesServer()
    for (const over of [{ secretAccessKey: 'wrong' }, { accessKeyId: 'wrong' }, { sessionToken: 'old' }]) {
      await using transport = to(server, { credentials: () => ({ ...SES_KEYS, ...over }) })
      await assert.rejects(transport.send(outgoing()), { fault: 'misconfigured', retryable: true })
    }
    await using transport = to(server, { credentials: () => Promise.reject(new Error('no role')) })
    await assert.rejects(transport.send(outgoing()), { fault: 'misconfigured' })
    assert.equal(server.taken.length, 0)
  })

  it('is asked whether it would take mail: keys that may not see the account are good enough, others are not', async () => {
    await using server = await startSesServer()
    await using transport = to(server)
    await transport.check()
    server.next = { status: 403, type: 'AccessDeniedException' }
    await transport.check()
    server.next = 'drop'
    await assert.rejects(transport.check(), { fault: 'unreachable' })
    server.next = null
    await using wrong = to(server, { credentials: () => ({ ...SES_KEYS, secretAccessKey: 'wrong' }) })
    await assert.rejects(wrong.check(), { fault: 'misconfigured' })
  })

  it('asks for the keys before each message, so that temporary ones may change', async () => {
    await using server = await startSesServer()
    let asked = 0
    const credentials = async () => {
      asked++
      return SES_KEYS
    }
    await using transport = to(server, { credentials })
    await transport.send(outgoing())
    await transport.send(outgoing())
    assert.equal(asked, 2)
  })

  it('waits as long as the provider says, and longer for a quota than for a rate', async () => {
    await using server = await startSesServer()
    await using transport = to(server)
    const throttled = async (next: TestSesServer['next'], retryAfterMs: number) => {
      server.next = next
      await assert.rejects(transport.send(outgoing()), { fault: 'throttled', retryAfterMs })
    }
    const type = 'TooManyRequestsException'
    await throttled({ status: 429, type, headers: { 'retry-after': '7' } }, 7_000)
    await throttled({ status: 429, type, message: 'Maximum sending rate exceeded.' }, 2_000)
    await throttled({ status: 429, type, message: 'Daily message quota exceeded.' }, 900_000)
    await throttled({ status: 400, type: 'LimitExceededException' }, 900_000)
  })

  it('does not wait for ever for an answer, nor for one that is given up', async () => {
    await using server = await startSesServer()
    server.next = 'hang'
    await using impatient = to(server, { timeoutMs: 200 })
    await assert.rejects(inTime(impatient.send(outgoing()), 'the end'), { fault: 'timeout', retryAfterMs: 60_000 })
    await eventually(() => server.hanging === 0)
    const transport = to(server)
    const cancel = new AbortController()
    const sending = transport.send(outgoing(), { signal: cancel.signal })
    sending.catch(() => undefined)
    await eventually(() => server.hanging === 1)
    cancel.abort()
    await assert.rejects(inTime(sending, 'the end'), { fault: 'interrupted' })
    const last = transport.send(outgoing())
    last.catch(() => undefined)
    await eventually(() => server.hanging === 1)
    await transport[Symbol.asyncDispose]()
    await assert.rejects(inTime(last, 'the end'), { fault: 'interrupted' })
    await eventually(() => server.hanging === 0)
  })
})
