import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { type PostgresServer, startPostgres } from '@stoa/testkit/servers'
import { newInstallation, type Up } from './program.ts'
import { underLoad, Writers } from './writers.ts'

interface Ready {
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>
}

/** What callers are told while the database is away: come again; and nothing of where it is. */
async function saysUnavailable(up: Up, server: PostgresServer): Promise<void> {
  const answers = await Promise.all([
    up.client().send('GET', '/api/v1/links'),
    up.client().send('POST', '/api/v1/links', { body: { target: 'https://example.com/' } }),
    up.client().send('GET', '/api/v1/audit'),
  ])
  for (const { body, headers, status } of answers) {
    assert.equal(status, 503)
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.ok(Number(headers.get('retry-after')) >= 1)
    assert.equal((body as { code: string }).code, 'unavailable')
    assert.ok(!JSON.stringify(body).includes(new URL(server.url).port))
  }
  const ready = await eventually(
    () => up.client(null).send<Ready>('GET', '/health/ready'),
    ({ status }) => status === 503,
  )
  assert.equal(ready.body.checks.database?.ok, false)
  await up.client(null).got('/health/live')
}

describe('PostgreSQL that goes away under load', () => {
  it('fails requests as unavailable, is found again by the program itself, and keeps every acknowledged write', async () => {
    await using server = await startPostgres()
    await using installation = await newInstallation('pglite', {
      empty: true,
      settings: { DATABASE_URL: server.url, STOA_DATABASE_POOL_SIZE: '4' },
    })
    const up = await installation.up()
    const writers = new Writers()
    await underLoad(up, writers, async (progress) => {
      await server.restart()
      await progress()
      await server.kill()
      await saysUnavailable(up, server)
      await server.restart()
    })
    const unavailable = writers.refusals.filter(({ status }) => status === 503)
    assert.ok(unavailable.length > 0, 'the server was away and no write was refused')
    for (const { body, headers } of unavailable) {
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
      assert.equal((body as { code: string }).code, 'unavailable')
    }
    // What a check found is told for a second more.
    await eventually(
      () => up.client(null).send<Ready>('GET', '/health/ready'),
      ({ status }) => status === 200,
    )
    assert.equal(await up.stop(), 0)
  })
})
