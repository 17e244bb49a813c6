/*
 * Bounces of SES through HTTP, as SNS sends them: as text, signed. Amazon is a server in this process.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Database } from '@stoa/db'
import { createHttp } from '@stoa/http'
import { createJournal, journalMigrations, processHints } from '@stoa/journal'
import { newId, Resources, silentLogger, systemClock, type Tenant } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import { createQueue, queueMigrations } from '@stoa/queue'
import {
  createTestTenants,
  type Engine,
  engines,
  eventually,
  openTestDatabase,
  SNS_TOPIC,
  startSns,
  TestClient,
  type TestSns,
  testCtx,
} from '@stoa/testkit'
import { mailModule } from '../src/module.ts'
import { SesFeedback } from '../src/ses-feedback.ts'

const PATH = '/api/v1/mail/feedback/ses'

interface Suite extends AsyncDisposable {
  readonly db: Database
  readonly tenant: Tenant
  readonly client: TestClient
  readonly sns: TestSns
  /** Sends a message through the room's job; gives its id. */
  sent(): Promise<string>
}

/** The room on its columns, as far as these tests go. */
async function startSuite(engine: Engine): Promise<Suite> {
  const resources = new Resources()
  const sets = [journalMigrations, queueMigrations, mailModule.migrations]
  const database = resources.use(await openTestDatabase(engine, { sets, name: 'mailroom' }), 'database')
  const { db } = database
  const { pooled: tenant } = await createTestTenants(database)
  const deps = { log: silentLogger, clock: systemClock }
  const journal = createJournal(
    { events: mailModule.events },
    { ...deps, db, hints: resources.use(processHints(), 'hints') },
  )
  await journal.ensurePartitions(testCtx())
  const queue = resources.use(createQueue({}, { ...deps, db }), 'queue')
  const sns = resources.use(await startSns(), 'SNS')
  const folder = await mkdtemp(join(tmpdir(), 'stoa-mail-'))
  resources.add('folder', () => rm(folder, { recursive: true, force: true }))
  const secret = (purpose: string, bytes = 32) => Buffer.alloc(bytes, purpose)
  const config = { folder, from: { address: 'post@stoa.example' }, sesTopics: [SNS_TOPIC], sesAgent: sns.agent }
  const columns = { ...deps, db, journal, queue, secret, config } as Partial<Columns> as Columns
  const room = resources.use(await mailModule.create(columns), 'room')
  queue.define(...(room.jobs ?? []))
  const http = resources.use(
    await createHttp(
      { port: 0, maxEventLoopDelayMs: 0 },
      { ...deps, db, secret, routes: room.routes, schemes: [], errors: [mailModule.errors] },
    ),
    'http',
  )
  const job = queue.definition('mail.send')
  const ctx = testCtx({ tenant })
  const worker = resources.use(await queue.work({ slots: 5, pollMs: 20, drainMs: 0 }), 'worker')
  assert.ok(worker)
  return {
    ...{ db, tenant, sns },
    client: new TestClient(await http.listen(), null),
    async sent() {
      const asked = { to: ['ann@example.org'], subject: 'Hello', text: 'Hello Ann' }
      const { id } = await db.transaction(ctx, (tx) => queue.ask(ctx, tx, job, asked))
      const { error } = await eventually(
        () => queue.operations.job(ctx, id),
        (row) => row.state === 'done' || row.error !== null,
      )
      assert.equal(error, null)
      return id
    },
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

for (const engine of engines) {
  describe(`what SES tells, on ${engine}`, () => {
    let suite: Suite
    before(async () => {
      suite = await startSuite(engine)
    })
    after(() => suite?.[Symbol.asyncDispose]())

    const post = (body: string, headers: Record<string, string> = { 'content-type': 'text/plain; charset=UTF-8' }) =>
      suite.client.send<{ readonly code: string } | null>('POST', PATH, { body, headers })
    const bounce = (id: string) =>
      suite.sns.message({
        Message: JSON.stringify({
          eventType: 'Bounce',
          bounce: {
            bounceType: 'Permanent',
            bouncedRecipients: [{ emailAddress: 'ann@example.org', diagnosticCode: 'smtp; 550 5.1.1 unknown' }],
          },
          mail: { messageId: 'unknown', tags: { 'stoa-message': [`${suite.tenant.id}_${id}`] } },
        }),
      })

    it('is taken in as SNS sends it, and stands in the journal, once', async () => {
      const id = await suite.sent()
      const body = bounce(id)
      assert.deepEqual([(await post(body)).status, (await post(body)).status], [204, 204])
      // In the table, where what is committed is seen at once: a reader waits for transactions of other tests, too.
      const events = await suite.db.admin((session) =>
        session.query<{ data: object; actor: string }>(
          "select data, concat_ws(' ', actor_type, actor_id) as actor from stoa.events where type = 'mail.bounced' and $1 = any (subjects)",
          [`mail:${id}`],
        ),
      )
      assert.deepEqual(events, [{ data: { id, state: 'bounced', recipients: 1 }, actor: 'system mail' }])
    })

    it('is refused when it is not signed by Amazon, of another topic, or nothing at all', async () => {
      const refused = async (...[body, headers]: Parameters<typeof post>) => {
        const answer = await post(body, headers)
        return [answer.status, answer.body?.code]
      }
      assert.deepEqual(await refused(suite.sns.message({}, { Message: '{ }' })), [403, 'mail_feedback_refused'])
      assert.deepEqual(await refused(suite.sns.message({ TopicArn: `${SNS_TOPIC}2` })), [403, 'mail_feedback_refused'])
      assert.deepEqual(await refused('{'), [400, 'invalid_request'])
      assert.deepEqual(await refused(suite.sns.message(), { 'content-type': 'application/xml' }), [
        415,
        'unsupported_media_type',
      ])
      assert.deepEqual(await refused('x'.repeat(2_000_000)), [413, 'payload_too_large'])
    })

    it('is refused without a topic, whoever signed it', async () => {
      const feedback = new SesFeedback(null, testCtx())
      await assert.rejects(feedback.receive(testCtx(), bounce(newId())), { code: 'mail_feedback_refused' })
    })
  })
}
