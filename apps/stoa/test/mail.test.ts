/*
 * Mail through the whole program: asked for as a task, sent to a real SMTP server, seen in the outbox.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  engines,
  eventually,
  type Suite,
  startSmtpServer,
  type TestAnswer,
  type TestClient,
  type TestSmtpServer,
} from '@stoa/testkit'
import type { Stoa } from '../src/compose.ts'
import { startProgram } from './suite.ts'

interface Task {
  readonly id: string
  readonly state: string
  readonly attempt: number
  readonly result: unknown
  readonly failure: { readonly code?: string; readonly message: string } | null
  readonly runAt: string | null
}

interface Message {
  readonly id: string
  readonly state: string
  readonly attempts: number
  readonly messageId: string
  readonly lastError: { readonly fault: string; readonly response: string } | null
  readonly recipients: readonly { readonly address: string; readonly state: string; readonly response: string | null }[]
}

interface Page {
  readonly data: readonly object[]
}

interface Sender {
  readonly isOwn: boolean
  readonly version: number
  readonly from: { readonly address: string }
  readonly dkim: { readonly record: { readonly name: string } } | null
}

interface Problem {
  readonly code: string
  readonly errors?: readonly { readonly pointer: string; readonly code: string }[]
}

const THREE = ['ann@example.org', 'bob@example.org', 'cem@example.org']
const headerOf = (content: Buffer | undefined, name: string) =>
  new RegExp(`^${name}: (.*)$`, 'im').exec(content?.toString() ?? '')?.[1]?.trim()

for (const engine of engines) {
  describe(`mail.send, on ${engine}`, () => {
    let suite: Suite<Stoa>
    let server: TestSmtpServer
    let client: TestClient
    let begin = 0
    before(async () => {
      server = await startSmtpServer()
      suite = await startProgram(engine, {
        STOA_WORK: 'true',
        STOA_MAIL_URL: `smtp://127.0.0.1:${server.port}?security=none`,
        STOA_MAIL_FROM: 'Stoa <post@stoa.example>',
      })
    })
    after(async () => {
      await suite?.[Symbol.asyncDispose]()
      await server?.[Symbol.asyncDispose]()
    })
    beforeEach(async () => {
      for (const name of Object.keys(server.manners)) server.manners[name as keyof typeof server.manners] = undefined
      begin = server.taken.length
      client = await suite.client()
    })

    const taken = () => server.taken.slice(begin)
    const ask = <Body = Task>(input: object): Promise<TestAnswer<Body>> =>
      client.send<Body>('POST', '/api/v1/tasks', {
        body: { kind: 'mail.send', input: { to: ['ann@example.org'], subject: 'Hello', text: 'Hello Ann', ...input } },
      })
    const task = async (id: string, ...states: string[]): Promise<Task> =>
      (
        await eventually(
          () => client.got<Task>(`/api/v1/tasks/${id}`),
          ({ body }) => states.includes(body.state),
        )
      ).body
    const message = async (id: string, state?: string): Promise<Message> =>
      (
        await eventually(
          () => client.got<Message>(`/api/v1/mail/messages/${id}`),
          ({ body }) => state === undefined || body.state === state,
        )
      ).body
    const outcomes = ({ recipients }: Message) => recipients.map(({ address, state }) => `${address} ${state}`)

    it('is accepted at once, stands in the outbox under the id of its task, and arrives', async () => {
      const answer = await ask({
        to: [{ address: 'ann@example.org', name: 'Ann' }],
        cc: ['bob@example.org'],
        html: '<p>Hello</p>',
        attachments: [
          { filename: 'a.txt', content: 'Zm9v' },
          { filename: 'b.txt', content: 'bar', encoding: 'text' },
        ],
      })
      assert.equal(answer.status, 202, JSON.stringify(answer.body))
      const { id } = answer.body
      const done = await task(id, 'done')
      assert.deepEqual(done.result, { state: 'sent', sent: 2, failed: 0, suppressed: 0 })
      const sent = await message(id)
      assert.deepEqual([sent.state, sent.attempts, sent.lastError], ['sent', 1, null])
      assert.deepEqual(outcomes(sent), ['ann@example.org sent', 'bob@example.org sent'])
      const [arrived] = taken()
      assert.deepEqual(arrived?.to, ['ann@example.org', 'bob@example.org'])
      assert.equal(headerOf(arrived?.content, 'From'), 'Stoa <post@stoa.example>')
      assert.equal(headerOf(arrived?.content, 'Message-ID'), sent.messageId)
      assert.match(arrived?.content.toString() ?? '', /Zm9v[\s\S]*YmFy|Zm9v[\s\S]*bar/)
      const listed = await client.got<{ data: Message[] }>('/api/v1/mail/messages?recipient=BOB@example.org')
      assert.equal(listed.body.data[0]?.id, id)
    })

    it('is sent by the example', async () => {
      const { body } = await client.created<{ key: string }>('/api/v1/api-keys', {
        name: 'example',
        scopes: ['jobs:*', 'mail:*'],
      })
      const example = fileURLToPath(new URL('../../../modules/mail/examples/send-mail.ts', import.meta.url))
      const { stdout } = await promisify(execFile)(process.execPath, [example, 'ann@example.org'], {
        env: { ...process.env, STOA_URL: suite.program.url, STOA_KEY: body.key },
        timeout: 120_000,
      })
      assert.deepEqual(stdout.trim().split('\n'), ['accepted', 'ann@example.org: sent'])
      assert.equal(taken().length, 1)
    })

    it('is told in the journal, without an address', async () => {
      const { id } = (await ask({ to: THREE })).body
      await task(id, 'done')
      const { body } = await eventually(
        () => client.got<{ data: { type: string; data: object }[] }>(`/api/v1/audit?subject=mail:${id}`),
        (answer) => answer.body.data.length === 2,
      )
      assert.deepEqual(
        body.data.map(({ data, type }) => [type, data]),
        [
          ['mail.sent', { id, state: 'sent', recipients: 3 }],
          ['mail.queued', { id, state: 'queued', recipients: 3 }],
        ],
      )
    })

    it('is tried again after a greylisting, under the same Message-ID', async () => {
      server.manners.onReceiver = () => '450 4.2.0 greylisted'
      const { id } = (await ask({})).body
      const waiting = await task(id, 'scheduled')
      assert.deepEqual(
        [waiting.attempt, waiting.failure?.code, waiting.failure?.message],
        [1, 'mail_deferred', 'The mail server asked to come back later.'],
      )
      assert.ok(Date.parse(waiting.runAt ?? '') - Date.now() > 200_000, 'greylisting takes minutes')
      const queued = await message(id, 'queued')
      assert.equal(queued.lastError?.response, '450 4.2.0 greylisted')
      server.manners.onReceiver = undefined
      assert.equal((await client.send('POST', `/api/v1/tasks/${id}/retry`)).status, 200)
      assert.equal((await task(id, 'done')).attempt, 2)
      assert.equal(headerOf(taken()[0]?.content, 'Message-ID'), queued.messageId)
    })

    it('goes to those who are not refused, and says who was', async () => {
      server.manners.onReceiver = (address) => (address.startsWith('bob') ? '550 5.7.1 not wanted' : undefined)
      const { id } = (await ask({ to: THREE })).body
      assert.deepEqual((await task(id, 'done')).result, { state: 'sent', sent: 2, failed: 1, suppressed: 0 })
      const sent = await message(id)
      assert.deepEqual(outcomes(sent), ['ann@example.org sent', 'bob@example.org failed', 'cem@example.org sent'])
      assert.equal(sent.recipients[1]?.response, '550 5.7.1 not wanted')
    })

    it('is given up when all are refused for good, and sent after all when it is redriven', async () => {
      server.manners.onReceiver = () => '550 5.7.1 not wanted'
      const { id } = (await ask({})).body
      const dead = await task(id, 'dead')
      assert.deepEqual(
        [dead.attempt, dead.failure?.code, dead.failure?.message],
        [1, 'mail_refused', 'Every receiver was refused for good.'],
      )
      const failed = await message(id)
      assert.deepEqual([failed.state, failed.recipients[0]?.response], ['failed', '550 5.7.1 not wanted'])
      server.manners.onReceiver = undefined
      assert.equal((await client.send('POST', `/api/v1/tasks/${id}/redrive`)).status, 200)
      await task(id, 'done')
      assert.equal((await message(id)).state, 'sent')
      assert.equal(taken().length, 1)
    })

    it('that is cancelled while it waits is not sent, and the outbox says so', async () => {
      server.manners.onReceiver = () => '450 4.2.0 greylisted'
      const { id } = (await ask({})).body
      await task(id, 'scheduled')
      await client.send('POST', `/api/v1/tasks/${id}/cancellation`)
      const failed = await message(id, 'failed')
      assert.equal(failed.recipients[0]?.response, 'it was cancelled')
    })

    it('is not sent to who is on the list, until somebody takes the address off', async () => {
      const address = 'dan@example.org'
      await client.created('/api/v1/mail/suppressions', { address: 'Dan@example.org', note: 'asked by phone' })
      const twice = await client.send<Problem>('POST', '/api/v1/mail/suppressions', { body: { address } })
      assert.deepEqual([twice.status, twice.body.code], [409, 'mail_suppression_exists'])
      const first = (await ask({ to: [address] })).body.id
      assert.deepEqual((await task(first, 'done')).result, { state: 'suppressed', sent: 0, failed: 0, suppressed: 1 })
      const others = (await ask({ to: [address, 'ann@example.org'] })).body.id
      assert.deepEqual((await task(others, 'done')).result, { state: 'sent', sent: 1, failed: 0, suppressed: 1 })
      const listed = await client.got<Page>('/api/v1/mail/suppressions?address=DAN@example.org')
      assert.deepEqual(
        listed.body.data.map((entry) => ({ ...entry, createdAt: '', createdBy: '' })),
        [{ address, reason: 'manual', note: 'asked by phone', messageId: null, createdAt: '', createdBy: '' }],
      )
      const remove = () => client.send('POST', '/api/v1/mail/suppressions/removal', { body: { address } })
      assert.deepEqual([(await remove()).status, (await remove()).status], [204, 204])
      assert.deepEqual((await client.got<Page>(`/api/v1/mail/suppressions?address=${address}`)).body.data, [])
      await task((await ask({ to: [address] })).body.id, 'done')
      assert.deepEqual(
        taken().map(({ to }) => to),
        [['ann@example.org'], [address]],
      )
    })

    it("is from the tenant's sender, and signed; the key is never given out", async () => {
      const put = (version: number, body: object) =>
        client.send<Sender & Problem>('PUT', '/api/v1/mail/sender', { headers: { 'if-match': `"${version}"` }, body })
      const none = await client.got<Sender>('/api/v1/mail/sender')
      assert.deepEqual([none.body.isOwn, none.body.version, none.body.from.address], [false, 0, 'post@stoa.example'])
      const from = { address: 'shop@acme.example', name: 'Acme' }
      const dkim = { domain: 'acme.example', selector: 's1' }
      const refused = await put(0, { from, dkim: { ...dkim, domain: 'elsewhere.example' } })
      assert.deepEqual(
        [refused.status, refused.body.code, refused.body.errors?.map(({ pointer }) => pointer)],
        [422, 'mail_sender_invalid', ['/body/dkim/domain']],
      )
      const set = await put(0, { from, dkim })
      assert.equal(set.status, 200, JSON.stringify(set.body))
      assert.deepEqual([set.body.version, set.body.dkim?.record.name], [1, 's1._domainkey.acme.example'])
      assert.equal((await put(0, { from })).body.code, 'precondition_failed')
      const shown = await client.got<Sender>('/api/v1/mail/sender')
      assert.deepEqual(shown.body, set.body)
      assert.doesNotMatch(JSON.stringify([set.body, shown.body]), /PRIVATE|sealed/i)
      const { id } = (await ask({})).body
      await task(id, 'done')
      const content = taken()[0]?.content
      assert.equal(headerOf(content, 'From'), 'Acme <shop@acme.example>')
      assert.match(content?.toString() ?? '', /^DKIM-Signature: v=1;[\s\S]*? d=acme\.example;[\s\S]*? s=s1;/m)
      const bytes = await client.got<string>(`/api/v1/mail/messages/${id}/content`)
      assert.equal(bytes.headers.get('content-type'), 'message/rfc822')
      assert.match(bytes.body, /^From: Acme <shop@acme\.example>\r$/m)
      assert.equal((await client.send('DELETE', '/api/v1/mail/sender')).status, 204)
      assert.deepEqual((await client.got('/api/v1/mail/sender')).body, none.body)
    })

    it('takes half of a worker at most when the server hangs: other tasks go on', async () => {
      server.manners.hangs = true
      // One that was opened before would not hang.
      server.dropConnections()
      const asked = await Promise.all(Array.from({ length: 30 }, () => ask({})))
      const running = () =>
        suite.program.db.admin((session) =>
          session.query("select id from stoa.jobs where kind = 'mail.send' and state = 'running'"),
        )
      await eventually(running, (rows) => rows.length === 10)
      const body = { kind: 'links.import', input: { links: [{ target: 'https://example.com/' }] } }
      const { id } = (await client.send<Task>('POST', '/api/v1/tasks', { body })).body
      await task(id, 'done')
      assert.equal((await running()).length, 10)
      for (const { body: mail } of asked) await client.send('POST', `/api/v1/tasks/${mail.id}/cancellation`)
      server.dropConnections()
      for (const { body: mail } of asked) await task(mail.id, 'cancelled')
    })

    it('is refused with the place at fault, and leaves nothing behind', async () => {
      const before = (await client.got<{ data: Message[] }>('/api/v1/mail/messages')).body.data[0]?.id
      const refused = async (input: object) => {
        const { body, status } = await ask<Problem>(input)
        return [status, body.code, ...(body.errors ?? []).map(({ pointer }) => pointer)]
      }
      const invalid = (...pointers: string[]) => [422, 'job_input_invalid', ...pointers]
      assert.deepEqual(await refused({ to: [] }), invalid('/body/input/to'))
      assert.deepEqual(await refused({ to: ['nobody'] }), invalid('/body/input/to/0'))
      assert.deepEqual(await refused({ to: [7] }).then((r) => r.slice(0, 2)), invalid())
      assert.deepEqual(await refused({ subject: 'a\r\nBcc: x@example.org' }), invalid('/body/input/subject'))
      assert.deepEqual(await refused({ from: 'boss@elsewhere.example' }), invalid('/body/input/from'))
      assert.deepEqual(await refused({ headers: { Bcc: 'x@example.org' } }), invalid('/body/input/headers/Bcc'))
      assert.deepEqual(
        await refused({ attachments: [{ filename: 'a', content: 'not base64!' }] }),
        invalid('/body/input/attachments/0/content'),
      )
      assert.deepEqual(await refused({ attachments: [{ filename: 'a', content: 'AAAA'.repeat(800_000) }] }), [
        413,
        'job_input_too_large',
      ])
      assert.deepEqual(await refused({ attachments: [{ filename: 'a', content: 'AAAA'.repeat(1_200_000) }] }), [
        413,
        'payload_too_large',
      ])
      assert.equal((await client.got<{ data: Message[] }>('/api/v1/mail/messages')).body.data[0]?.id, before)
    })

    it('needs mail:send besides jobs:write', async () => {
      const { body } = await client.created<{ key: string }>('/api/v1/api-keys', {
        name: 'jobs alone',
        scopes: ['jobs:read', 'jobs:write'],
      })
      const answer = await suite.anonymous().send<Problem>('POST', '/api/v1/tasks', {
        headers: { authorization: `Bearer ${body.key}` },
        body: { kind: 'mail.send', input: { to: ['ann@example.org'], subject: 'x', text: 'x' } },
      })
      assert.deepEqual([answer.status, answer.body.code], [403, 'forbidden'])
    })
  })
}
