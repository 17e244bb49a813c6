/*
 * Mail when things go wrong in the middle: the server hangs or drops the connection, and the process dies when the
 * server has the message and nobody has written that down.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engines, eventually, startSmtpServer, type TestClient } from '@stoa/testkit'
import { newInstallation } from './program.ts'
import { startProgram } from './suite.ts'

interface Task {
  readonly id: string
  readonly state: string
  readonly attempt: number
  readonly failure: { readonly code?: string; readonly message: string } | null
}

const mailTo = (port: number, timeoutMs: number) => ({
  STOA_WORK: 'true',
  STOA_MAIL_URL: `smtp://127.0.0.1:${port}?security=none&timeoutMs=${timeoutMs}`,
  STOA_MAIL_FROM: 'post@stoa.example',
})

async function ask(client: TestClient): Promise<string> {
  const input = { to: ['ann@example.org'], subject: 'Hello', text: 'Hello Ann' }
  return (await client.send<Task>('POST', '/api/v1/tasks', { body: { kind: 'mail.send', input } })).body.id
}

async function task(client: TestClient, id: string, state: string): Promise<Task> {
  const { body } = await eventually(
    () => client.got<Task>(`/api/v1/tasks/${id}`),
    (answer) => answer.body.state === state,
  )
  return body
}

for (const engine of engines) {
  describe(`mail, on ${engine}`, () => {
    it('that a server takes no notice of, or hangs up on, is tried again later', async () => {
      await using server = await startSmtpServer()
      await using suite = await startProgram(engine, mailTo(server.port, 1_000))
      const client = await suite.client()
      server.manners.hangs = true
      const hung = await task(client, await ask(client), 'scheduled')
      assert.deepEqual(
        [hung.failure?.code, hung.failure?.message],
        ['mail_deferred', 'The mail server did not answer in time.'],
      )
      server.manners.hangs = false
      server.manners.onMessage = () => {
        server.dropConnections()
        return undefined
      }
      const dropped = await task(client, await ask(client), 'scheduled')
      assert.deepEqual(
        [dropped.failure?.code, dropped.failure?.message],
        ['mail_deferred', 'The mail server cannot be reached.'],
      )
    })

    it('is sent again, the same to the byte, when the process died before it knew that the server has it', async () => {
      await using server = await startSmtpServer()
      await using installation = await newInstallation(engine, { settings: mailTo(server.port, 5_000) })
      const up = await installation.up()
      server.manners.onMessage = () => {
        server.manners.onMessage = undefined
        up.kill('SIGKILL')
        return undefined
      }
      const id = await ask(up.client())
      await up.exit
      await eventually(
        () => Promise.resolve(server.taken.length),
        (count) => count === 1,
      )
      const next = await installation.up()
      const done = await task(next.client(), id, 'done')
      assert.ok(done.attempt > 1)
      const [first, second, ...more] = server.taken
      assert.deepEqual(second, first)
      assert.match(second?.content.toString() ?? '', new RegExp(`^Message-ID: <${id}@stoa\\.example>\\r$`, 'm'))
      assert.deepEqual(more, [])
      assert.equal(await next.stop(), 0)
    })
  })
}
