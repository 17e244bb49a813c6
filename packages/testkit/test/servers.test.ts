import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { startPostgres, startRedis, startRedisCluster, startRedisSentinel } from '@stoa/testkit/servers'
import pg from 'pg'
import { eventually } from '../src/index.ts'

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const result = await client.query<Record<string, unknown>>(text)
    return result.rows.map((row) => Object.values(row)[0])
  } finally {
    await client.end()
  }
}

/** Says PING to a Redis and gives back its answer. */
async function ping(url: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) })
  socket.write('PING\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString().trim()
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a PostgreSQL of a test', () => {
  it('keeps what was committed over a crash and over a restart, at the same address', async () => {
    await using server = await startPostgres()
    await query(server.url, 'create table kept as select 1 as n')
    await server.kill()
    // Reset when a child that dies a moment later still had the address.
    await assert.rejects(query(server.url, 'select 1'), /ECONNREFUSED|ECONNRESET/)
    await server.restart()
    assert.deepEqual(await query(server.url, 'select n from kept'), [1])
    assert.match(server.log(), /was not properly shut down; automatic recovery in progress/)
    await server.restart()
    assert.deepEqual(await query(server.url, 'select n from kept'), [1])
  })

  it('is durable, has room for many pools, and takes settings', async () => {
    await using server = await startPostgres({ extraConfig: { max_connections: '20', work_mem: '1MB' } })
    const shown = async (name: string) => (await query(server.url, `show ${name}`))[0]
    assert.equal(await shown('fsync'), 'on')
    assert.equal(await shown('synchronous_commit'), 'on')
    assert.equal(await shown('work_mem'), '1MB')
    assert.equal(await shown('max_connections'), '20')
  })

  it('leaves nothing after a stop, which may be asked for twice', async () => {
    const server = await startPostgres()
    const [folder] = (await query(server.url, 'show data_directory')) as [string]
    await server.stop()
    await server.stop()
    assert.equal(existsSync(folder), false)
    await assert.rejects(query(server.url, 'select 1'), /ECONNREFUSED/)
  })

  it('keeps a data folder of the caller', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'stoa-own-'))
    chmodSync(parent, 0o755)
    const dataDir = join(parent, 'data')
    try {
      for (const statement of ['create table kept ()', 'drop table kept']) {
        await using server = await startPostgres({ dataDir })
        await query(server.url, statement)
      }
      assert.ok(existsSync(join(dataDir, 'PG_VERSION')))
    } finally {
      rmSync(parent, { recursive: true, force: true })
    }
  })

  it('says what PostgreSQL said when it does not start', async () => {
    await assert.rejects(
      startPostgres({ extraConfig: { no_such_setting: '1' } }),
      /PostgreSQL did not start on port \d+:[\s\S]*unrecognized configuration parameter "no_such_setting"/,
    )
  })

  it('is gone with the process that started it, even when that is killed', async () => {
    const script = `
      import { startPostgres, startRedis, startRedisCluster, startRedisSentinel } from '@stoa/testkit/servers'
      const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
      console.log(JSON.stringify([postgres.url, redis.url]))
      setInterval(() => undefined, 1000)`
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface(child.stdout)
    const [line] = (await once(lines, 'line')) as [string]
    const [postgresUrl, redisUrl] = JSON.parse(line) as [string, string]
    const [folder] = (await query(postgresUrl, 'show data_directory')) as [string]
    const [backend] = (await query(
      postgresUrl,
      `select pid from pg_stat_activity where backend_type = 'checkpointer'`,
    )) as [number]
    assert.equal(await ping(redisUrl), '+PONG')
    child.kill('SIGKILL')
    await eventually(() => !existsSync(folder) && !isAlive(backend))
    await assert.rejects(query(postgresUrl, 'select 1'), /ECONNREFUSED/)
    await assert.rejects(ping(redisUrl), /ECONNREFUSED/)
  })
})

describe('a Redis of a test', () => {
  it('answers again after a crash and after a restart, at the same address', async () => {
    await using server = await startRedis()
    assert.equal(await ping(server.url), '+PONG')
    await server.kill()
    await assert.rejects(ping(server.url), /ECONNREFUSED/)
    await server.restart()
    assert.equal(await ping(server.url), '+PONG')
    await server.restart()
    assert.equal(await ping(server.url), '+PONG')
  })
})

/** The servers of Redis that this process has started and that run. */
function ownRedis(): string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'ppid=,pid=,comm='], { encoding: 'utf8' }).split('\n')
  const own = lines.map((line) => line.trim().split(/\s+/)).filter(([parent]) => Number(parent) === process.pid)
  return own.filter(([, , name = '']) => /redis|valkey/.test(name)).map(([, pid = '']) => pid)
}

describe('several servers of Redis that belong together', () => {
  it('leave none behind when one of them does not start, and say why', async () => {
    const before = ownRedis()
    await assert.rejects(startRedisSentinel({ sentinelConfig: ['no-such-setting 1'] }), /Sentinel did not start/)
    await assert.rejects(
      startRedisCluster({ extraConfig: { 'cluster-enabled': 'no' } }),
      /the Cluster did not come about: -ERR/,
    )
    assert.deepEqual(ownRedis(), before)
  })
})
