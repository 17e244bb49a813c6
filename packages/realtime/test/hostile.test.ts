/*
 * What a client may try, each over a real socket: the connection ends with a code that says why, or the message is
 * refused, and the next client is served as if nothing had been.
 */
// A process of its own: it looks at how its memory grows.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { TestClock } from '@stoa/testkit'
import { ADA, type Bench, connect, eventually, refusedWith, said, setup, type TestSocket } from './setup.ts'

describe('hostile and careless clients', () => {
  let bench: Bench
  const clock = new TestClock(Date.now())
  before(async () => {
    bench = await setup('pglite', {
      clock,
      corsOrigins: ['https://app.example'],
      options: { messageBurst: 50, messagesPerSecond: 20, maxMessageBytes: 4_096, maxUnknown: 3, maxChannels: 3 },
    })
  })
  after(async () => {
    await bench[Symbol.asyncDispose]()
  })

  async function stillServes(): Promise<void> {
    using well = await connect(bench.node)
    await well.follow('notes')
    assert.equal((await well.ask({ type: 'ping' })).type, 'pong')
  }

  async function endsWith(socket: TestSocket, code: number, reason?: string): Promise<void> {
    const closed = await socket.closed
    assert.equal(closed.code, code)
    if (reason !== undefined) assert.equal(closed.reason.code, reason)
    await stillServes()
  }

  it('wrong credentials are refused before the upgrade, and so is a key without the permission', async () => {
    assert.equal(await refusedWith(bench.node, 'nobody|x|*'), 401)
    assert.equal(await refusedWith(bench.node, 'acme|poor|notes:read'), 403)
    await stillServes()
  })

  it('a page of another origin is refused; one of a known origin, and of our own, is let in', async () => {
    assert.equal(await refusedWith(bench.node, ADA, { origin: 'https://evil.example' }), 403)
    assert.equal(await refusedWith(bench.node, null, { origin: 'null' }), 403)
    for (const origin of ['https://app.example', bench.node.url])
      (await connect(bench.node, ADA, { origin })).ws.terminate()
  })

  it('who says nothing of itself may do nothing but say it', async () => {
    using first = await connect(bench.node, null)
    first.send({ type: 'subscribe', id: 1, channel: 'notes' })
    await endsWith(first, 4401, 'unauthenticated')
    using second = await connect(bench.node, null)
    second.send({ type: 'auth', token: 'nobody|x|*' })
    await endsWith(second, 4401, 'unauthenticated')
    using third = await connect(bench.node, null)
    third.send({ type: 'auth', token: 'acme|poor|notes:read' })
    await endsWith(third, 4403, 'forbidden')
    using fourth = await connect(bench.node, null)
    assert.equal((await fourth.ask({ type: 'auth', token: ADA })).type, 'welcome')
    await fourth.follow('notes')
  })

  it('who does not say in time who it is is sent away, and there are only so many of them', async () => {
    const silent = [await connect(bench.node, null), await connect(bench.node, null), await connect(bench.node, null)]
    using late = await connect(bench.node, null)
    const { code, reason } = await late.closed
    assert.deepEqual([code, reason.code], [1013, 'overloaded'])
    assert.ok(reason.retryMs >= 1_000 && reason.retryMs <= 2_000, String(reason.retryMs))
    await clock.advance(11_000)
    for (const socket of silent) await endsWith(socket, 4408, 'timeout')
  })

  it('a connection belongs to who it said it is', async () => {
    using ada = await connect(bench.node)
    assert.equal((await ada.ask({ type: 'auth', token: 'rival|bob|*' })).code, 'conflict')
    assert.equal((await ada.ask({ type: 'auth', token: ADA })).type, 'welcome')
  })

  it('what is no message is refused, and the connection stays', async () => {
    using ada = await connect(bench.node)
    for (const text of [
      '',
      'nonsense',
      '[]',
      'null',
      '{}',
      '{"type":"dance"}',
      '{"type":"subscribe"}',
      '{"type":"subscribe","channel":5}',
      '{"type":"ping","id":{}}',
      `${'['.repeat(1_000)}${']'.repeat(1_000)}`,
    ]) {
      const before = ada.messages.length
      ada.ws.send(text)
      await ada.holds(() => ada.messages.length > before)
      assert.deepEqual([text, ada.messages.at(-1).code], [text, 'frame_malformed'])
    }
    assert.equal((await ada.ask({ type: 'ping' })).type, 'pong')
  })

  it('binary frames are not taken', async () => {
    using ada = await connect(bench.node)
    ada.ws.send(Buffer.from('{"type":"ping"}'), { binary: true })
    await endsWith(ada, 1003, 'binary')
  })

  it('a message in fragments is one message, and too many of them, or too much in them, end it', async () => {
    using ada = await connect(bench.node)
    for (const [part, fin] of [
      ['{"type":', false],
      ['"ping",', false],
      ['"id":"f"}', true],
    ] as const)
      ada.ws.send(part, { fin })
    await ada.until(({ id }) => id === 'f')
    for (let n = 0; n < 1_000; n++) ada.ws.send('', { fin: false })
    await endsWith(ada, 1008)
    using other = await connect(bench.node)
    for (let n = 0; n < 10; n++) other.ws.send('x'.repeat(1_000), { fin: false })
    await endsWith(other, 1009)
  })

  it('a frame of 50 MB is refused by its head: nothing of it is kept', async () => {
    using ada = await connect(bench.node)
    const before = process.memoryUsage().rss
    ada.ws.send('x'.repeat(50 * 2 ** 20))
    await endsWith(ada, 1009)
    assert.ok(process.memoryUsage().rss - before < 400 * 2 ** 20)
  })

  it('ten thousand messages at once end the connection after those that it may send', async () => {
    using ada = await connect(bench.node)
    for (let n = 0; n < 10_000; n++) ada.send({ type: 'ping', id: n })
    const { code, reason } = await ada.closed
    assert.deepEqual([code, reason.code], [4430, 'too_many_messages'])
    assert.ok(reason.retryMs >= 1_000)
    const pongs = ada.messages.filter(({ type }) => type === 'pong').length
    assert.ok(pongs <= 50, `${pongs} answers`)
    await stillServes()
  })

  it('text that is no UTF-8, and frames that are not masked, end it', async () => {
    const { hostname, port } = new URL(bench.node.url)
    for (const [frame, code] of [
      [Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xff]), 1007],
      [Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
    ] as const) {
      const socket = connectTcp(Number(port), hostname)
      const head = `GET /api/v1/realtime HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADA}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
      let received = Buffer.alloc(0)
      socket.on('data', (data: Buffer) => {
        received = Buffer.concat([received, data])
      })
      socket.write(head)
      await eventually(() => received.includes('welcome'))
      socket.write(frame)
      await once(socket, 'end')
      const close = received.indexOf(Buffer.from([0x88]), received.indexOf('welcome'))
      assert.equal(received.readUInt16BE(close + 2), code)
      socket.destroy()
    }
    await stillServes()
  })

  it('a channel that does not exist, is not allowed, or is there twice, is refused', async () => {
    using eve = await connect(bench.node, 'acme|eve|realtime:connect,notes:read')
    const codeOf = async (channel: string) => (await eve.ask({ type: 'subscribe', channel })).code
    for (const name of [
      'nothing',
      'note',
      'note:',
      'note:a:b',
      'note:a b',
      '',
      'x'.repeat(300),
      '__proto__',
      'note:{id}',
    ]) {
      assert.equal(await codeOf(name), 'channel_unknown', name)
    }
    assert.equal(await codeOf('secrets'), 'forbidden')
    assert.equal(await codeOf('note:missing'), 'not_found')
    assert.equal(await codeOf('notes'), undefined)
    assert.equal(await codeOf('notes'), 'channel_joined')
    await eve.follow('note:1')
    await eve.follow('note:2')
    assert.equal(await codeOf('note:3'), 'too_many_channels')
  })

  it('messages into a channel are checked: membership, permission, shape, rate; what fails inside is not told', async () => {
    using ada = await connect(bench.node)
    const say = async (socket: TestSocket, data: unknown, channel = 'notes') =>
      await socket.ask({ type: 'message', channel, data })
    assert.equal((await say(ada, { text: 'hi' })).code, 'channel_not_joined')
    await ada.follow('notes')
    await ada.follow('note:1')
    assert.equal((await say(ada, { text: 'hi' }, 'note:1')).code, 'channel_silent')
    assert.equal((await say(ada, { text: 'hi' })).type, 'accepted')
    assert.deepEqual(said.at(-1), ['ada', 'acme', 'hi'])
    const invalid = await say(ada, { text: 'x'.repeat(11) })
    assert.deepEqual([invalid.code, invalid.fields[0].pointer], ['validation_failed', '/data/text'])
    const failed = await say(ada, { text: 'fail' })
    assert.equal(failed.code, 'internal')
    assert.doesNotMatch(JSON.stringify(failed), /secret/)
    const limited = await say(ada, { text: 'hi' })
    assert.equal(limited.code, 'rate_limited')
    assert.ok(limited.retryAfterSeconds > 0)
    using eve = await connect(bench.node, 'acme|eve|realtime:connect,notes:read')
    await eve.follow('notes')
    assert.equal((await say(eve, { text: 'hi' })).code, 'forbidden')
  })

  it('who does not answer a ping is gone by the next one', async () => {
    using ada = await connect(bench.node)
    await ada.follow('notes')
    ada.ws.pause()
    const open = bench.node.realtime.status.connections.open
    await eventually(async () => {
      await clock.advance(25_000)
      return bench.node.realtime.status.connections.open < open
    })
  })
})
