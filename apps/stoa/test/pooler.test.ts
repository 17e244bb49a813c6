import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { poolingOf } from '@stoa/db'
import { type PostgresServer, startPostgres } from '@stoa/testkit/servers'
import { diagnose } from './doctor.ts'
import { type Pooler, startPooler } from './pooler.ts'
import { type Installation, newInstallation } from './program.ts'
import { refused } from './refusal.ts'

describe('a pooler that does not keep prepared statements apart', () => {
  let server: PostgresServer
  let pooler: Pooler
  let installation: Installation
  before(async () => {
    server = await startPostgres()
    pooler = await startPooler(server.url)
    installation = await newInstallation('pglite', { empty: true, settings: { DATABASE_URL: server.url } })
    assert.equal(await (await installation.up()).stop(), 0)
  })
  after(async () => {
    await installation[Symbol.asyncDispose]()
    await pooler[Symbol.asyncDispose]()
    await server.stop()
  })

  it('is told from the server itself', async () => {
    assert.equal(await poolingOf(server.url), 'none')
    assert.equal(await poolingOf(pooler.url), 'untracked')
    assert.equal(await poolingOf(pooler.url), 'untracked', 'what was asked before is no matter')
  })

  it('is named by a start that meets it, and by the doctor, with what to set', async () => {
    const alone = { DATABASE_URL: pooler.url }
    const why = /The pooler at \S+ does not keep prepared statements apart\. Set STOA_DATABASE_PREPARED=false, and STOA/
    refused(await installation.call('up', alone), why)
    const found = await diagnose({ ...installation.settings, ...alone })
    assert.deepEqual(found.ills, ['fail Pooler', 'fail Pooler'])
    found.has('fail', 'Pooler', /migrations would lose their lock, and LISTEN hears nothing/)
    const direct = { ...alone, STOA_DATABASE_DIRECT_URL: server.url }
    const { advice = '' } = (await diagnose({ ...installation.settings, ...direct })).has(
      'fail',
      'Pooler',
      /hands connections on after each transaction, and does not keep prepared statements apart/,
    )
    assert.match(advice, /PgBouncer 1\.21 .* or set STOA_DATABASE_PREPARED=false/)
  })

  it('does no harm with the settings that are asked for', async () => {
    const settings = { DATABASE_URL: pooler.url, STOA_DATABASE_DIRECT_URL: server.url, STOA_DATABASE_PREPARED: 'false' }
    const found = await diagnose({ ...installation.settings, ...settings })
    found.has('ok', 'Pooler', /which is sent none that are prepared/)
    const up = await installation.up(settings)
    await up.client().created('/api/v1/links', { target: 'https://example.com/' })
    await up.client().got('/api/v1/links')
    assert.equal(await up.stop(), 0)
  })
})
