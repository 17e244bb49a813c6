import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { silentLogger, systemClock } from '@stoa/kernel'
import { emptyPglite, eventually, TestClock } from '@stoa/testkit'
import { DataFolderError, openPglite } from '../src/index.ts'

const DEPS = { log: silentLogger, clock: systemClock }
const OPENS = `
  import { openPglite } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
  import { silentLogger, systemClock } from '@stoa/kernel'
  await using db = await openPglite({ dataDir: process.argv[1] }, { log: silentLogger, clock: systemClock })`

function temporary(): { readonly root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'stoa-folder-'))
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}

async function answers(dataDir: string): Promise<unknown> {
  await using db = await openPglite({ dataDir }, DEPS)
  return await db.admin((session) => session.query('select 1 as one'))
}

/**
 * A folder whose first start was killed while it made the database. A machine that stalls may come too late for that:
 * then anew.
 */
async function killedInTheMiddle() {
  for (;;) {
    using made = new DisposableStack()
    const folder = made.use(temporary())
    const child = spawn(process.execPath, ['--input-type=module', '-e', OPENS, join(folder.root, 'db')], {
      cwd: import.meta.dirname,
      detached: true,
    })
    const ended = once(child, 'exit')
    const begun = () => readdirSync(folder.root).some((name) => existsSync(join(folder.root, name, 'PG_VERSION')))
    await eventually(begun)
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    await ended
    if (existsSync(join(folder.root, 'db', 'PG_VERSION'))) continue
    made.move()
    return folder
  }
}

describe('a new PGlite folder', () => {
  it('appears whole or not at all: a start killed in the middle leaves what the next one removes', async () => {
    using folder = await killedInTheMiddle()
    const place = join(folder.root, 'db')
    assert.deepEqual(readdirSync(place), [])
    assert.deepEqual(await answers(place), [{ one: 1 }])
    // What the killed start had begun may still write for a moment; then it is the start after the next that removes
    // it.
    await eventually(
      async () => {
        await answers(place)
        return readdirSync(folder.root)
      },
      (names) => names.join() === 'db',
    )
  })

  it('opens again after a kill at the moment in which PostgreSQL makes its own lock file', async () => {
    using folder = temporary()
    const dataDir = join(folder.root, 'db')
    await (await openPglite({ dataDir, template: await emptyPglite() }, DEPS))[Symbol.asyncDispose]()
    writeFileSync(join(dataDir, 'postmaster.pid'), '')
    assert.deepEqual(await answers(dataDir), [{ one: 1 }])
  })

  it("is its owner's alone, with the folders above it that were not there", async () => {
    using folder = temporary()
    const dataDir = join(folder.root, 'data', 'db')
    await answers(dataDir)
    for (const path of [dataDir, dirname(dataDir)]) assert.equal(statSync(path).mode & 0o777, 0o700, path)
  })

  it('is refused when it holds something else, which stays as it is', async () => {
    using folder = temporary()
    mkdirSync(join(folder.root, 'db'))
    writeFileSync(join(folder.root, 'db', 'letter.txt'), 'dear')
    await assert.rejects(answers(join(folder.root, 'db')), (error) => {
      assert.ok(error instanceof DataFolderError)
      assert.match(error.message, /holds no database, but it is not empty \(it has letter\.txt\)/)
      return true
    })
    assert.deepEqual(readdirSync(folder.root), ['db'])
    assert.deepEqual(readdirSync(join(folder.root, 'db')), ['letter.txt'])
  })

  it('is vacuumed each hour: what was deleted gives its place to what comes', async () => {
    using folder = temporary()
    const clock = new TestClock()
    await using db = await openPglite(
      { dataDir: join(folder.root, 'db'), template: await emptyPglite() },
      { log: silentLogger, clock },
    )
    await db.admin((session) =>
      session.exec('create table t as select generate_series(1, 5000) as n; delete from t; analyze t'),
    )
    const known = () =>
      db.admin((session) =>
        session.query<{ bytes: number }>(
          "select pg_relation_size('t') as bytes, reltuples from pg_class where relname = 't'",
        ),
      )
    assert.notDeepEqual(await known(), [{ bytes: 0, reltuples: 0 }])
    await clock.sleeping()
    await clock.advance(3_600_000)
    await eventually(async () => (await known())[0]?.bytes === 0)
  })
})
