import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type PostgresServer, startPostgres } from '@stoa/testkit/servers'
import { diagnose } from './doctor.ts'
import { executeAt, type Installation, newInstallation } from './program.ts'
import { refused } from './refusal.ts'

/** The roles belong to the whole server: what is done to them here must not be done to a server that others use. */
describe('the doctor, on PostgreSQL', () => {
  let server: PostgresServer
  let installation: Installation
  let settings: Record<string, string>
  before(async () => {
    server = await startPostgres({ extraConfig: { max_connections: '30' } })
    await asAdministrator('create role clerk login', 'postgres')
    await asAdministrator('create database town', 'postgres')
    installation = await newInstallation('pglite', { empty: true })
    settings = { ...installation.settings, DATABASE_URL: address('clerk', 'town') }
  })
  after(async () => {
    await installation[Symbol.asyncDispose]()
    await server.stop()
  })

  function address(login: string, database: string): string {
    return `postgres://${login}@${new URL(server.url).host}/${database}`
  }

  async function asAdministrator(sql: string, database = 'town'): Promise<void> {
    await executeAt(address('stoa', database), sql)
  }

  it('says what an administrator has to do for a new installation, and that is enough', async () => {
    const found = await diagnose(settings)
    assert.deepEqual(found.ills, ['fail Database', 'fail Database', 'fail Database', 'warn Schema'])
    const advice = [
      found.has('fail', 'Database', /The role stoa_app is not there, and the login 'clerk' may not make it/).advice,
      found.has('fail', 'Database', /The role stoa_system is not there/).advice,
      found.has('fail', 'Database', /The login 'clerk' may not create schemas/).advice,
    ]
    await asAdministrator(advice.join('\n'))
    const better = await diagnose(settings)
    assert.deepEqual(better.ills, ['warn Schema'])
    better.has('warn', 'Schema', /The database is empty/)
    const up = await installation.up(settings)
    await up.client().created('/api/v1/links', { target: 'https://example.com/' })
    assert.equal(await up.stop(), 0)
    assert.deepEqual((await diagnose(settings)).ills, [])
  })

  it('finds a running program healthy', async () => {
    const up = await installation.up(settings)
    const found = await diagnose({ ...settings, PORT: new URL(up.url).port })
    assert.deepEqual(found.ills, [])
    found.has('ok', 'Running', /All is well: database/)
    assert.equal(await up.stop(), 0)
  })

  it('names roles that are gone, see too much or cannot be used, and what sets them right', async () => {
    await asAdministrator('alter role stoa_app bypassrls; revoke stoa_system from clerk')
    const found = await diagnose(settings)
    const advice = [
      found.has('fail', 'Database', /The role stoa_app can see every tenant/).advice,
      found.has('fail', 'Database', /The login 'clerk' cannot act as stoa_system/).advice,
    ]
    await asAdministrator(advice.join('\n'))
    assert.deepEqual((await diagnose(settings)).ills, [])
  })

  it('knows a login that may do too much', async () => {
    const found = await diagnose({ ...settings, DATABASE_URL: address('stoa', 'town') })
    assert.deepEqual(found.ills, ['warn Database'])
    found.has('warn', 'Database', /The login 'stoa' is a superuser or has BYPASSRLS/)
  })

  it('names a table whose rows are not kept apart, and what sets it right', async () => {
    await asAdministrator('alter table stoa_pool.links no force row level security')
    const { advice = '' } = (await diagnose(settings)).has(
      'fail',
      'Tenants apart',
      /off or not forced: stoa_pool\.links\./,
    )
    await asAdministrator(advice)
    assert.deepEqual((await diagnose(settings)).ills, [])
  })

  it('says of the schema that it is behind, was changed, or belongs to a newer release', async () => {
    const step = "where (schema, owner, name) = ('stoa_pool', 'links', '0003_link_clicks')"
    await asAdministrator(`create table kept as select * from stoa.migrations ${step}`)
    await asAdministrator(`update stoa.migrations set checksum = 'another' ${step}`)
    ;(await diagnose(settings)).has('fail', 'Schema', /applied with another text: links\/0003_link_clicks/)
    await asAdministrator(`delete from stoa.migrations ${step}`)
    ;(await diagnose(settings)).has('fail', 'Schema', /stoa_pool is behind by 1: links\/0003_link_clicks/)
    await asAdministrator('insert into stoa.migrations select * from kept; drop table kept')
    const newer = "('stoa', 'links', '9001_from_the_future')"
    await asAdministrator(
      `insert into stoa.migrations select schema, owner, '9001_from_the_future', true, '', 0 from stoa.migrations
       where (schema, owner) = ('stoa', 'links') limit 1`,
    )
    ;(await diagnose(settings)).has(
      'fail',
      'Schema',
      /newer release changed it in a way that breaks this one: links\/9001/,
    )
    await asAdministrator(`update stoa.migrations set breaking = false where (schema, owner, name) = ${newer}`)
    ;(await diagnose(settings)).has('ok', 'Schema', /It has 1 of a newer release, which do no harm/)
    await asAdministrator(`delete from stoa.migrations where (schema, owner, name) = ${newer}`)
  })

  it('knows another secret from the right one', async () => {
    const STOA_SECRET = 'another secret that is long enough'
    ;(await diagnose({ ...settings, STOA_SECRET })).has('fail', 'Same secret', /database was made with another one/)
    const gone = await diagnose({ ...settings, STOA_DATA: installation.folder })
    gone.has('fail', 'Same secret', /database was made with one that is not there/)
  })

  it('knows a journal that was restored from another cluster, which the program does not start on before it is adopted', async () => {
    await asAdministrator('update stoa.events set xid = (xid::text::bigint + 1000000000000)::text::xid8')
    const found = await diagnose(settings)
    assert.deepEqual(found.ills, ['fail Journal'])
    const { advice = '' } = found.has(
      'fail',
      'Journal',
      /restored from another cluster: .* up to 1000000\d+, .* at \d+\./,
    )
    assert.match(advice, /run stoa journal adopt/)
    for (const command of ['up', 'serve', 'key list --tenant demo']) {
      refused(await installation.call(command, settings), /restored from another cluster.* 'npx stoa journal adopt'/)
    }
    const adopted = await installation.call('journal adopt', settings)
    assert.deepEqual([adopted.code, adopted.stderr], [0, ''])
    assert.match(adopted.stdout, /^Adopted the journal: \d+ transactions came from elsewhere\.\n$/)
    assert.match((await installation.call('journal adopt', settings)).stdout, /nothing to do/)
    assert.deepEqual((await diagnose(settings)).ills, [])
    const up = await installation.up(settings)
    await up.client().created('/api/v1/links', { target: 'https://example.com/' })
    assert.equal(await up.stop(), 0)
  })

  it('knows a server that may lose what was committed, and one that has too few connections', async () => {
    await asAdministrator('alter database town set synchronous_commit = off')
    const found = await diagnose({ ...settings, STOA_DATABASE_POOL_SIZE: '27' })
    assert.deepEqual(found.ills, ['warn Database', 'warn Durability'])
    found.has('warn', 'Database', /One process may want 31 connections; the server has 30/)
    found.has('warn', 'Durability', /may be lost by a crash/)
    await asAdministrator('alter database town reset synchronous_commit')
  })

  it('says why a server lets nobody in', async () => {
    const ask = (DATABASE_URL: string) => diagnose({ ...settings, DATABASE_URL })
    ;(await ask(address('clerk', 'village'))).has('fail', 'Database', /does not exist: database "village"/)
    ;(await ask(address('nobody', 'town'))).has('fail', 'Database', /refuses the login: role "nobody" does not exist/)
    await server.kill()
    const gone = await ask(address('clerk', 'town'))
    assert.deepEqual(gone.ills, ['fail Database'])
    gone.has('fail', 'Database', /cannot be reached: .*ECONNREFUSED/)
  })
})
