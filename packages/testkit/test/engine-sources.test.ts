import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { findSource, provideEngines, providePostgres } from '@stoa/testkit/servers'
import { type FakeOptions, fakeMachine, postgresIn } from './fake-machine.ts'

const APT = { '/usr/bin/apt-get': '' }
const DOCKER = { '/usr/bin/docker': '' }
const dockerAnswers = (command: string) => (command.startsWith('docker ') ? { stdout: '28.0' } : undefined)

async function sourceOf(engine: 'postgres' | 'redis', options: FakeOptions) {
  const machine = fakeMachine(options)
  return { machine, source: await findSource(engine, machine, () => undefined) }
}

describe('the source of an engine', () => {
  it('is the programs in PATH first', async () => {
    const programs = { ...postgresIn('/usr/local/bin', '16.2'), ...postgresIn('/usr/lib/postgresql/17/bin', '17.1') }
    const { source } = await sourceOf('postgres', { programs })
    assert.deepEqual(source, { kind: 'programs', engine: 'postgres', path: '/usr/local/bin' })
    const redis = await sourceOf('redis', { programs: { '/usr/bin/valkey-server': '' } })
    assert.deepEqual(redis.source, { kind: 'programs', engine: 'redis', path: '/usr/bin/valkey-server' })
  })

  it('is the newest of the packaged PostgreSQLs when PATH has none, compared as numbers', async () => {
    const programs = {
      ...postgresIn('/usr/lib/postgresql/9/bin', '9.6.1'),
      ...postgresIn('/usr/lib/postgresql/15/bin', '15.4'),
    }
    const { source } = await sourceOf('postgres', { programs })
    assert.deepEqual(source, { kind: 'programs', engine: 'postgres', path: '/usr/lib/postgresql/15/bin' })
  })

  it('passes over a PostgreSQL that is too old, even the one in PATH', async () => {
    const programs = {
      ...postgresIn('/usr/bin', '14.11'),
      ...postgresIn('/opt/homebrew/opt/postgresql@16/bin', '16.0'),
    }
    const { source } = await sourceOf('postgres', { programs })
    assert.deepEqual(source, { kind: 'programs', engine: 'postgres', path: '/opt/homebrew/opt/postgresql@16/bin' })
  })

  it('does not take psql without the server for a PostgreSQL', async () => {
    const programs = { '/usr/bin/psql': 'psql (PostgreSQL) 16.2', '/usr/bin/postgres': 'postgres (PostgreSQL) 16.2' }
    await assert.rejects(sourceOf('postgres', { programs }), /no postgres and initdb in PATH/)
  })

  it('is installed by apt-get for root, with services kept from starting, and only then', async () => {
    let policyDuringInstall: string | undefined
    const machine = fakeMachine({
      isRoot: true,
      programs: APT,
      answer(command) {
        if (!command.includes(' install ')) return {}
        policyDuringInstall = machine.files.get('/usr/sbin/policy-rc.d')
        machine.add('/usr/lib/postgresql/15/bin/postgres', 'postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)')
        machine.add('/usr/lib/postgresql/15/bin/initdb')
        return {}
      },
    })
    const said: string[] = []
    const source = await findSource('postgres', machine, (line) => said.push(line))
    assert.deepEqual(source, { kind: 'programs', engine: 'postgres', path: '/usr/lib/postgresql/15/bin' })
    assert.match(policyDuringInstall ?? '', /exit 101/)
    assert.equal(machine.files.size, 0, 'the policy file is removed')
    const [update, install] = machine.commands.filter((command) => command.startsWith('apt-get'))
    assert.match(update ?? '', / update$/)
    assert.match(install ?? '', / install -y --no-install-recommends postgresql$/)
    assert.match(said.join(), /installing postgresql by apt-get/)
  })

  it('leaves a service policy that was there before', async () => {
    const machine = fakeMachine({ isRoot: true, programs: APT, answer: () => undefined })
    machine.writeProgram('/usr/sbin/policy-rc.d', 'of the administrator')
    await assert.rejects(findSource('redis', machine, () => undefined))
    assert.equal(machine.files.get('/usr/sbin/policy-rc.d'), 'of the administrator')
  })

  it('is never installed without root, nor outside of Linux', async () => {
    for (const options of [{ programs: APT }, { programs: APT, isRoot: true, platform: 'darwin' as const }]) {
      const machine = fakeMachine(options)
      await assert.rejects(findSource('redis', machine, () => undefined))
      assert.deepEqual(machine.commands, [])
    }
  })

  it('is a container when Docker answers, after apt-get has failed', async () => {
    const { machine, source } = await sourceOf('redis', {
      isRoot: true,
      programs: { ...APT, ...DOCKER },
      answer: dockerAnswers,
    })
    assert.deepEqual(source, { kind: 'compose', engine: 'redis' })
    const installed = machine.commands.findIndex((command) => command.includes('install'))
    const asked = machine.commands.findIndex((command) => command.startsWith('docker'))
    assert.ok(installed !== -1 && installed < asked)
  })

  it('is not Docker when its daemon is down or its compose plugin is missing', async () => {
    for (const down of ['docker info', 'docker compose']) {
      const answer = (command: string) => (command.startsWith(down) ? undefined : { stdout: '28.0' })
      await assert.rejects(sourceOf('redis', { programs: DOCKER, answer }), /docker compose does not answer/)
    }
  })

  it('is missing with an error that says what was tried and what to do', async () => {
    const machine = fakeMachine({
      isRoot: true,
      programs: { ...APT, ...postgresIn('/usr/bin', '14.11') },
      answer: (command) => (command.includes('install') ? { code: 100, stderr: 'E: Unable to locate package' } : {}),
    })
    await assert.rejects(
      findSource('postgres', machine, () => undefined),
      (error: Error) => {
        assert.match(error.message, /PostgreSQL 14 is on this machine, but Stoa needs 15 or newer/)
        assert.match(error.message, /E: Unable to locate package/)
        assert.match(error.message, /sudo apt-get install postgresql/)
        assert.match(error.message, /brew install postgresql@17/)
        assert.match(error.message, /TEST_DATABASE_URL=/)
        return true
      },
    )
  })
})

describe('the engines of a test run', () => {
  it('are those of TEST_DATABASE_URL and TEST_REDIS_URL when something answers there', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const env = { TEST_DATABASE_URL: `postgres://me@127.0.0.1:${port}/x`, TEST_REDIS_URL: `redis://127.0.0.1:${port}` }
    const machine = fakeMachine({ env })
    await using engines = await provideEngines(machine)
    assert.equal(engines.databaseUrl, env.TEST_DATABASE_URL)
    assert.equal(engines.redisUrl, env.TEST_REDIS_URL)
    assert.deepEqual(machine.commands, [], 'nothing is looked for')
    server.close()
  })

  it('fail by the name of the variable when nothing answers there, and nothing else is started instead', async () => {
    const env = { TEST_DATABASE_URL: 'postgres://me@127.0.0.1:1/x', TEST_REDIS_URL: 'redis://127.0.0.1:1' }
    const machine = fakeMachine({ env, programs: { ...postgresIn('/usr/bin', '17.0'), '/usr/bin/redis-server': '' } })
    await assert.rejects(provideEngines(machine), (error: Error) => {
      assert.match(error.message, /TEST_DATABASE_URL is set, but nothing answers at 127\.0\.0\.1:1 \(ECONNREFUSED\)/)
      assert.match(error.message, /TEST_REDIS_URL is set/)
      return true
    })
  })

  it('come from docker compose, each as a project of its own that is taken down at the end', async () => {
    const ports: string[] = []
    const machine = fakeMachine({
      programs: DOCKER,
      answer(command, env) {
        if (command.includes(' up ')) ports.push(env.STOA_TEST_PORT ?? '')
        return { stdout: '28.0' }
      },
    })
    {
      await using engines = await provideEngines(machine)
      assert.deepEqual([new URL(engines.databaseUrl).port, new URL(engines.redisUrl).port].sort(), ports.sort())
      assert.deepEqual(engines.origins, { postgres: 'docker compose', redis: 'docker compose' })
    }
    const projects = (word: string) =>
      machine.commands
        .filter((command) => command.includes(` ${word} `))
        .map((command) => /-p (\S+)/.exec(command)?.[1])
        .sort()
    assert.equal(new Set(projects('up')).size, 2)
    assert.deepEqual(projects('down'), projects('up'))
  })

  it('may be PostgreSQL alone, and then no Redis is looked for', async () => {
    const machine = fakeMachine({ programs: DOCKER, answer: () => ({ stdout: '28.0' }) })
    {
      await using server = await providePostgres(machine)
      assert.equal(new URL(server.url).protocol, 'postgres:')
    }
    const projects = machine.commands.map((command) => /-p (\S+)/.exec(command)?.[1]).filter(Boolean)
    assert.equal(new Set(projects).size, 1)
    assert.ok(machine.commands.some((command) => command.includes(' down ')))
    assert.ok(!machine.commands.some((command) => command.includes('redis')))
  })

  it('are taken down again when one of the two does not come up', async () => {
    const machine = fakeMachine({
      programs: DOCKER,
      answer: (command) => (command.endsWith('up --detach --wait redis') ? undefined : { stdout: '28.0' }),
    })
    await assert.rejects(provideEngines(machine), /docker compose up --detach --wait redis failed/)
    assert.equal(machine.commands.filter((command) => command.includes(' down ')).length, 2)
  })
})
