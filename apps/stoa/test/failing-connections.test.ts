import assert from 'node:assert/strict'
import { access } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { inTime } from '@stoa/testkit'
import { type PostgresServer, startPostgres } from '@stoa/testkit/servers'
import { executeAt, type Installation, newInstallation } from './program.ts'
import { refused } from './refusal.ts'

/** As an administrator makes them: a login that has to say a password, and a database where it may do nothing yet. */
const GIVEN = [
  `create role clerk login password 'horse-staple'`,
  'create database town',
  `do $$ begin
     execute format('copy (select unnest(array[''host all clerk all scram-sha-256'', ''host all all all trust''])) to %L', current_setting('hba_file'));
   end $$`,
  'select pg_reload_conf()',
]

describe('a start on a PostgreSQL that does not take it', () => {
  let server: PostgresServer
  let installation: Installation
  before(async () => {
    // A login that has no password is answered long before the server would give it up.
    server = await startPostgres({ extraConfig: { authentication_timeout: '10min' } })
    for (const statement of GIVEN) await executeAt(server.url, statement)
    installation = await newInstallation('pglite', { empty: true })
  })
  after(async () => {
    await installation[Symbol.asyncDispose]()
    await server.stop()
  })

  function address(login: string, database = 'town'): string {
    const url = new URL(server.url)
    return `postgres://${login}@${url.host}/${database}`
  }

  /** Tries a start that is refused, and makes nothing. Of each kind one is a process of its own, which has to end. */
  async function tryStart(DATABASE_URL: string, why: RegExp, { command = 'up', alone = false } = {}) {
    const finishing = alone ? installation.run(command, { DATABASE_URL }) : installation.call(command, { DATABASE_URL })
    const finished = await inTime(finishing, 'the end of the start')
    refused(finished, why)
    assert.doesNotMatch(finished.stderr, /horse|guess/)
    await assert.rejects(access(installation.dataDir), { code: 'ENOENT' })
  }

  it('says where it looked for a server that is not there', async () => {
    await Promise.all([
      // The port of tcpmux: nobody may listen there without being root, and nobody does.
      tryStart(
        'postgres://clerk:horse-staple@127.0.0.1:1/town',
        /database at 127\.0\.0\.1:1\/town cannot be reached: .*ECONNREF/,
      ),
      tryStart(
        'postgres://clerk:horse-staple@db.invalid/town',
        /database at db\.invalid\/town cannot be reached: .*db\.invalid/,
        { alone: true },
      ),
    ])
  })

  it('says of a wrong password, of a login and of a database that are not there which it is', async () => {
    await Promise.all([
      tryStart(address('clerk:guess'), /refuses the login: password authentication failed for user "clerk"\. Check/),
      tryStart(address('clerk'), /refuses the login: it asks for a password\. Put one into DATABASE_URL/),
      tryStart(address('nobody:guess'), /refuses the login: role "nobody" does not exist/, { alone: true }),
      tryStart(
        address('clerk:horse-staple', 'village'),
        /does not exist: database "village" does not exist\. Create it/,
      ),
    ])
  })

  it('says what an administrator has to run for a login that lacks rights, which then suffice', async () => {
    const DATABASE_URL = address('clerk:horse-staple')
    const { code, stderr } = await installation.run('up', { DATABASE_URL })
    assert.equal(code, 1)
    const [, statements = ''] = /^stoa: .* An administrator of the database has to run:\n([\s\S]*)$/.exec(stderr) ?? []
    const town = new URL(server.url)
    town.pathname = '/town'
    await executeAt(town.href, statements)
    await tryStart(DATABASE_URL, /The database lacks \d+ migrations: .* 'npx stoa migrate' runs them/, {
      command: 'serve',
      alone: true,
    })
    await using up = await installation.up({ DATABASE_URL })
    await up.client().created('/api/v1/links', { target: 'https://example.com/' })
    assert.equal(await up.stop(), 0)
    await using served = installation.start('serve', { DATABASE_URL })
    await served.printed(/^Stoa is ready at http:\/\/127\.0\.0\.1:\d+\n$/)
    served.kill('SIGTERM')
    assert.equal(await served.exit, 0)
  })
})
