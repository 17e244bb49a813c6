import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '@stoa/kernel'
import { emptyPglite, eventually, inTime } from '@stoa/testkit'
import { DataFolderError, openPglite, type PgliteDatabase } from '../src/index.ts'
import { deps } from './engines.ts'

describe('the data folder', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'stoa-lock-'))
  })
  after(() => rm(root, { recursive: true, force: true }))

  /** Opens a folder that nobody has opened before. What makes it a database is copied, which spares seconds. */
  async function openNew(folder: string): Promise<PgliteDatabase> {
    return await openPglite({ dataDir: folder, template: await emptyPglite() }, deps)
  }

  /** Another process that opens the folder, says so, and waits to be ended. */
  async function holder(folder: string, afterwards = ''): Promise<ChildProcess> {
    const program = `
      import { openPglite } from ${JSON.stringify(import.meta.resolve('../src/index.ts'))}
      import { silentLogger, systemClock } from ${JSON.stringify(import.meta.resolve('@stoa/kernel'))}
      await openPglite({ dataDir: ${JSON.stringify(folder)} }, { log: silentLogger, clock: systemClock })
      console.log('open')
      ${afterwards}
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the holder ended with ${code}`)))
    await inTime(Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), ended]), 'the word of the holder')
    ended.catch(() => undefined)
    return child
  }

  /** What a lock of this process says of where it is. */
  async function ownPlace(): Promise<string> {
    const folder = await mkdtemp(join(root, 'place-'))
    await using _ = await openNew(folder)
    return JSON.parse(await readFile(`${folder}.lock`, 'utf8')).place
  }

  test('that another process holds is refused, naming its pid, and is free again when it was killed', async () => {
    const folder = join(root, 'held')
    await (await openNew(folder))[Symbol.asyncDispose]()
    const other = await holder(folder)
    await assert.rejects(openPglite({ dataDir: folder }, deps), (error: Error) => {
      assert.ok(error instanceof DataFolderError)
      assert.match(error.message, new RegExp(`process ${other.pid}\\b`))
      return true
    })
    other.kill('SIGKILL')
    await once(other, 'exit')
    await using db = await openPglite({ dataDir: folder }, deps)
    assert.equal((await db.check()).ok, true)
  })

  test('is touched also while the process that holds it computes, and others cannot ask whether it lives', async () => {
    const folder = join(root, 'busy')
    await (await openNew(folder))[Symbol.asyncDispose]()
    const other = await holder(folder, 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)')
    const { mtimeMs: before } = await stat(`${folder}.lock`)
    await eventually(
      () => stat(`${folder}.lock`),
      ({ mtimeMs }) => mtimeMs > before,
    )
    other.kill('SIGKILL')
    await once(other, 'exit')
  })

  test('is held against a second opening in the same process too', async () => {
    const folder = join(root, 'twice')
    const first = await openNew(folder)
    await assert.rejects(openPglite({ dataDir: folder }, deps), DataFolderError)
    await first[Symbol.asyncDispose]()
    await (await openPglite({ dataDir: folder }, deps))[Symbol.asyncDispose]()
    await assert.rejects(readFile(`${folder}.lock`), { code: 'ENOENT' })
  })

  test('with a lock left by an earlier process of our own pid, as in a container, is taken over', async () => {
    const folder = join(root, 'pid-one')
    await writeFile(
      `${folder}.lock`,
      JSON.stringify({
        pid: process.pid,
        host: hostname(),
        place: await ownPlace(),
        started: '1',
        token: 'left behind',
      }),
    )
    await (await openNew(folder))[Symbol.asyncDispose]()
  })

  test('with a lock of a running process that started at another time is taken over: the pid was used again', async () => {
    const folder = join(root, 'reused')
    await writeFile(
      `${folder}.lock`,
      JSON.stringify({
        pid: process.ppid,
        host: hostname(),
        place: await ownPlace(),
        started: '1',
        token: 'left behind',
      }),
    )
    await (await openNew(folder))[Symbol.asyncDispose]()
  })

  test('with a lock of a process that has ended and was not reaped is taken over', async () => {
    const folder = join(root, 'unreaped')
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [printed] = await once(parent.stdout, 'data')
    const pid = Number(String(printed))
    const fields = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') as string[]
    await eventually(fields, ([state]) => state === 'Z')
    const started = (await fields())[19]
    await writeFile(
      `${folder}.lock`,
      JSON.stringify({ pid, host: hostname(), place: await ownPlace(), started, token: 'left behind' }),
    )
    await (await openNew(folder))[Symbol.asyncDispose]()
    parent.kill()
  })

  describe('with a fresh lock of another container, where our host and our pid mean somebody else', () => {
    const foreign = { pid: process.pid, host: hostname(), place: 'elsewhere', started: null, token: 'x' }

    test('is refused as soon as that is touched again', async () => {
      const folder = join(root, 'touched')
      await writeFile(`${folder}.lock`, JSON.stringify(foreign))
      const touching = setInterval(() => void utimes(`${folder}.lock`, new Date(), new Date()), 300)
      await assert.rejects(openPglite({ dataDir: folder }, deps), /in use by the process \d+ on /)
      clearInterval(touching)
      assert.match(await readFile(`${folder}.lock`, 'utf8'), /elsewhere/)
    })

    test('is taken over when it is not touched for as long as a holder never waits', async () => {
      const folder = join(root, 'untouched')
      await writeFile(`${folder}.lock`, JSON.stringify(foreign))
      let sleptMs = 0
      const clock = {
        now: () => Date.now() + sleptMs,
        async sleep(ms: number, signal?: AbortSignal | null) {
          if (ms > 1_000) return systemClock.sleep(ms, signal)
          sleptMs += ms
        },
      }
      await using _ = await openPglite({ dataDir: folder, template: await emptyPglite() }, { ...deps, clock })
      assert.ok(sleptMs >= 28_000 && sleptMs <= 30_000, `${sleptMs} ms`)
    })
  })

  test('with an unreadable lock is taken over', async () => {
    const folder = join(root, 'garbled')
    for (const text of ['not json', 'null', '']) {
      await writeFile(`${folder}.lock`, text)
      await (await openNew(folder))[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    }
  })

  test('of which ten openings compete is won by exactly one', async () => {
    const folder = join(root, 'race')
    await writeFile(
      `${folder}.lock`,
      JSON.stringify({ pid: 999_999_999, host: hostname(), place: await ownPlace(), started: null, token: 'dead' }),
    )
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => openNew(folder)))
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    assert.equal(won.length, 1)
    await won[0]?.value[Symbol.asyncDispose]()
  })

  test('that is a file, or lies where nothing may be made, is one clear error', async () => {
    await writeFile(join(root, 'a-file'), '')
    await assert.rejects(openPglite({ dataDir: join(root, 'a-file') }, deps), /data folder .* cannot be made/)
    const sealed = join(root, 'sealed')
    await writeFile(sealed, '')
    await chmod(sealed, 0o000)
    await assert.rejects(openPglite({ dataDir: join(sealed, 'db') }, deps), DataFolderError)
  })

  test('keeps what was committed, over an end by dispose and over a kill', async () => {
    const folder = join(root, 'kept')
    const db = await openNew(folder)
    await db.admin((session) => session.exec('create table kept (n int); insert into kept values (7)'))
    await db[Symbol.asyncDispose]()
    const other = await holder(folder)
    other.kill('SIGKILL')
    await once(other, 'exit')
    await using again = await openPglite({ dataDir: folder }, deps)
    assert.deepEqual(await again.admin((session) => session.query('select n from kept')), [{ n: 7 }])
  })

  test('can be started from a template', async () => {
    const first = await openPglite({ template: await emptyPglite() }, deps)
    await first.admin((session) => session.exec('create table kept (n int); insert into kept values (7)'))
    const template = first.image()
    await first[Symbol.asyncDispose]()
    await using copy = await openPglite({ template }, deps)
    assert.deepEqual(await copy.admin((session) => session.query('select n from kept')), [{ n: 7 }])
    assert.match((await copy.check()).durability, /nothing survives/)
  })
})
