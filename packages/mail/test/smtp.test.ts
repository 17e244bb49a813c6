import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { eventually, inTime, makeCertificate, startSmtpServer } from '@stoa/testkit'
import { createSmtpTransport, MailDeliveryError, type SmtpTransportOptions } from '../src/index.ts'
import { outgoing } from './outgoing.ts'
import { startRawServer } from './raw-server.ts'

const here = (port: number, over: Partial<SmtpTransportOptions> = {}) =>
  createSmtpTransport({ host: '127.0.0.1', port, security: 'none', ...over })

const THREE = ['ann@example.org', 'bob@example.org', 'cem@example.org']

/** Answers as a server does that takes everything; `over` may say something else. */
function polite(over: Record<string, (socket: Socket) => void> = {}) {
  let inData = false
  return (line: string, socket: Socket) => {
    if (inData && line !== '.') return over.DATA_LINE?.(socket)
    const verb = line === '.' ? 'DOT' : (line.split(' ')[0] ?? '').toUpperCase()
    inData = false
    if (over[verb]) return over[verb](socket)
    if (verb === 'DATA') inData = true
    socket.write(verb === 'DATA' ? '354 go on\r\n' : '250 2.0.0 fine\r\n')
  }
}
const greet = (socket: Socket) => void socket.write('220 test ESMTP\r\n')

describe('SMTP', () => {
  it('gives the message to two when one of three is refused', async () => {
    await using server = await startSmtpServer()
    server.manners.onReceiver = (address) => (address.startsWith('bob') ? '550 5.1.1 no such user' : undefined)
    await using transport = here(server.port)
    const delivery = await transport.send(outgoing({ to: THREE }))
    assert.deepEqual(delivery.accepted, ['ann@example.org', 'cem@example.org'])
    assert.deepEqual(delivery.rejected, [
      {
        address: 'bob@example.org',
        permanent: true,
        addressUnknown: true,
        response: '550 5.1.1 no such user',
        retryAfterMs: null,
      },
    ])
    assert.equal(delivery.providerId, 'Q1')
    assert.deepEqual(server.taken[0]?.to, ['ann@example.org', 'cem@example.org'])
  })

  it('has an outcome and no failure when all are refused, each for a reason of its own', async () => {
    await using server = await startSmtpServer()
    server.manners.onReceiver = (address) =>
      ({ ann: '550 5.7.1 not from you', bob: '450 4.2.0 greylisted', cem: '552 5.2.2 full' })[address.slice(0, 3)]
    await using transport = here(server.port)
    const { accepted, providerId, rejected } = await transport.send(outgoing({ to: THREE }))
    assert.deepEqual({ accepted, providerId }, { accepted: [], providerId: null })
    assert.deepEqual(
      rejected.map(({ permanent, addressUnknown }) => [permanent, addressUnknown]),
      [
        [true, false],
        [false, false],
        [true, false],
      ],
    )
    assert.equal(rejected[1]?.retryAfterMs, 300_000, 'greylisting takes minutes')
  })

  it('keeps its connection for the next message, also after a refusal', async () => {
    await using server = await startSmtpServer()
    await using transport = here(server.port, { maxConnections: 1 })
    server.manners.onMessage = () => '554 5.6.0 no'
    await assert.rejects(transport.send(outgoing()), { fault: 'refused' })
    server.manners.onMessage = undefined
    for (let n = 0; n < 3; n++) await transport.send(outgoing())
    assert.equal(server.connections, 1)
  })

  it('replaces a kept connection that the server has dropped, unseen by anybody', async () => {
    await using server = await startSmtpServer()
    await using transport = here(server.port, { maxConnections: 1 })
    await transport.send(outgoing())
    server.dropConnections()
    await transport.send(outgoing())
    assert.equal(server.taken.length, 2)
  })

  const stages: Record<string, Parameters<typeof startRawServer>> = {
    'before the greeting': [() => undefined],
    'at EHLO': [greet, () => undefined],
    'at RCPT': [greet, polite({ RCPT: () => undefined })],
    'after the message': [greet, polite({ DOT: () => undefined })],
  }
  for (const [stage, script] of Object.entries(stages)) {
    it(`does not wait for ever for a server that falls silent ${stage}`, async () => {
      await using server = await startRawServer(...script)
      await using transport = here(server.port, { greetingTimeoutMs: 200, silenceTimeoutMs: 200 })
      await assert.rejects(inTime(transport.send(outgoing()), stage), { fault: 'timeout', retryable: true })
      await eventually(() => server.open.size === 0)
    })
  }

  it('gives up a server that says a word now and then, and gets its connection back', async () => {
    let drips = true
    const drip = (socket: Socket) => {
      const timer = setInterval(() => (drips ? socket.write('250-one more\r\n') : clearInterval(timer)), 20)
      socket.on('close', () => clearInterval(timer))
    }
    const answer = polite()
    await using server = await startRawServer(greet, (line, socket) => {
      if (drips && line.startsWith('MAIL')) drip(socket)
      else answer(line, socket)
    })
    await using transport = here(server.port, { maxConnections: 1, timeoutMs: 400 })
    await assert.rejects(inTime(transport.send(outgoing()), 'the end'), { fault: 'timeout' })
    drips = false
    await eventually(() => server.open.size === 0)
  })

  it('closes the connection of an attempt that is given up, so that others get it', async () => {
    const reached = Promise.withResolvers<void>()
    let silent = true
    const answer = polite()
    await using server = await startRawServer(greet, (line, socket) => {
      if (silent && line.startsWith('RCPT')) reached.resolve()
      else answer(line, socket)
    })
    await using transport = here(server.port, { maxConnections: 1 })
    const cancel = new AbortController()
    const given = transport.send(outgoing(), { signal: cancel.signal })
    await reached.promise
    const waiting = transport.send(outgoing())
    silent = false
    cancel.abort(new Error('cancelled'))
    await assert.rejects(given, { fault: 'interrupted' })
    assert.deepEqual((await inTime(waiting, 'the other message')).rejected, [])
  })

  it('gives up what is under way when it is closed', async () => {
    const reached = Promise.withResolvers<void>()
    await using server = await startRawServer(greet, polite({ RCPT: () => reached.resolve() }))
    const transport = here(server.port)
    const sending = transport.send(outgoing())
    sending.catch(() => undefined)
    await reached.promise
    await transport[Symbol.asyncDispose]()
    await assert.rejects(inTime(sending, 'the end'), { fault: 'interrupted' })
    await eventually(() => server.open.size === 0)
  })

  it('counts a connection that breaks while the message is sent as one more try', async () => {
    const sockets = new Set<Socket>()
    const drop = (socket: Socket) => {
      sockets.add(socket)
      socket.destroy()
    }
    await using server = await startRawServer(greet, polite({ DATA_LINE: drop }))
    await using transport = here(server.port)
    await assert.rejects(inTime(transport.send(outgoing()), 'the end'), { fault: 'unreachable', retryable: true })
    assert.equal(sockets.size, 1, 'what may have arrived is not sent again behind the back of whoever counts')
  })

  it('says unreachable where nobody listens, and where nonsense is spoken', async () => {
    const { port, ...server } = await startRawServer(() => undefined)
    await server[Symbol.asyncDispose]()
    await using nobody = here(port)
    await assert.rejects(nobody.send(outgoing()), { fault: 'unreachable' })
    await using web = await startRawServer((socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await using transport = here(web.port)
    await assert.rejects(transport.send(outgoing()), { fault: 'unreachable' })
  })

  it('takes no endless answer into its memory', async () => {
    await using server = await startRawServer((socket) => void socket.write(`220-${'x'.repeat(200_000)}`))
    await using transport = here(server.port, { greetingTimeoutMs: 5_000 })
    await assert.rejects(inTime(transport.send(outgoing()), 'the end'), (error) => {
      assert.ok(error instanceof MailDeliveryError)
      assert.ok(error.response.length <= 500)
      return true
    })
  })

  it('logs in by an encrypted connection alone; a wrong password is no fault of the message', async () => {
    const { cert, key } = makeCertificate({ name: 'mail', addresses: ['127.0.0.1'] })
    await using server = await startSmtpServer({
      disabledCommands: [],
      cert,
      key,
      onAuth({ username, password }, _session, done) {
        done(username === 'me' && password === 'right' ? null : new Error('no'), { user: 'me' })
      },
    })
    const login = (password: string, over: Partial<SmtpTransportOptions> = {}) =>
      here(server.port, { security: 'starttls', user: 'me', password, trustedCertificates: cert, ...over })
    await using right = login('right')
    await right.send(outgoing())
    await using wrong = login('wrong')
    await assert.rejects(wrong.send(outgoing()), { fault: 'misconfigured', retryable: true })
    await using stranger = login('right', { trustedCertificates: undefined })
    await assert.rejects(stranger.send(outgoing()), { fault: 'misconfigured', retryable: true })
    assert.equal(server.taken.length, 1)
  })

  it('sends nothing when encryption is wanted and not offered', async () => {
    await using server = await startSmtpServer()
    await using transport = here(server.port, { security: 'starttls' })
    await assert.rejects(transport.send(outgoing()), { fault: 'misconfigured' })
    assert.equal(server.taken.length, 0)
  })
})
