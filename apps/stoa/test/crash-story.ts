import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { systemClock } from '@stoa/kernel'
import type { Engine } from '@stoa/testkit'
import { type Installation, newInstallation, type Up } from './program.ts'
import { Writers } from './writers.ts'

/** When a kill comes: while the program serves eight writers, or at any time of a start. */
export type Moment = 'serving' | 'starting'

const MOST_WRITES = 30

/** `kill -9` at these moments, one after the other; then everything acknowledged is there, once, with its event. */
export async function crashStory(engine: Engine, kills: readonly Moment[]): Promise<void> {
  await using installation = await newInstallation(engine)
  const writers = new Writers()
  const moments: string[] = []
  let startMs = 0
  try {
    for (const kill of kills) {
      const begun = performance.now()
      if (kill === 'starting') {
        const afterMs = Math.random() * startMs
        moments.push(`${afterMs.toFixed(0)} ms after the start`)
        const starting = installation.start('up')
        await systemClock.sleep(afterMs)
        starting.kill('SIGKILL')
        assert.equal(await starting.exit, 'SIGKILL', starting.stderr)
        continue
      }
      const up = await installation.up()
      startMs = performance.now() - begun
      await killUnderLoad(up, writers, moments)
      await holds(installation, up.pid)
    }
    const last = await installation.up()
    await holds(installation, last.pid)
    await writers.repeat(last)
    await writers.settle(last)
    await writers.check(last)
    assert.ok(writers.broken > 0, 'no write was ever cut')
    assert.equal(await last.stop(), 0)
  } catch (cause) {
    throw new Error(`after the kills: ${moments.join(', ')}`, { cause })
  }
}

async function killUnderLoad(up: Up, writers: Writers, moments: string[]): Promise<void> {
  const writes = 1 + Math.floor(Math.random() * MOST_WRITES)
  const afterMs = Math.random() * 10
  moments.push(`${afterMs.toFixed(1)} ms after ${writes} writes`)
  const enough = writers.acknowledged + writes
  let killed = false
  const killing = async () => {
    await systemClock.sleep(afterMs)
    up.kill('SIGKILL')
    await up.exit
    killed = true
  }
  let kill: Promise<void> | undefined
  await writers.write(up, () => {
    if (writers.acknowledged >= enough) kill ??= killing()
    return killed
  })
  await kill
  assert.equal(await up.exit, 'SIGKILL', up.stderr)
}

/** On PGlite the lock file names this process, dead or alive. */
async function holds({ dataDir, settings }: Installation, pid: number): Promise<void> {
  if ('DATABASE_URL' in settings) return
  const lock = JSON.parse(await readFile(`${dataDir}/db.lock`, 'utf8')) as { pid: number }
  assert.equal(lock.pid, pid)
}
