import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { type Installation, newInstallation } from './program.ts'
import type { Running } from './running.ts'

/**
 * A first start that is making the folder of its database; null when it came so far that this was not seen, because the
 * machine stalled.
 */
async function inTheMiddle(installation: Installation) {
  const before = entries(installation)
  const starting = installation.start('up')
  const isNew = (name: string) => name.startsWith('db.new-') && !before.includes(name)
  await eventually(() => entries(installation).some(isNew) || isMade(installation) || starting.ended !== null)
  assert.equal(starting.ended, null, starting.stderr)
  return isMade(installation) ? null : starting
}

function isMade({ dataDir }: Installation): boolean {
  return existsSync(join(dataDir, 'db', 'PG_VERSION'))
}

/** A new installation, and the beginning of its story; when that came too late, once more with another. */
async function begin<T>(story: (installation: Installation) => Promise<T | null>): Promise<Installation> {
  for (;;) {
    await using stack = new AsyncDisposableStack()
    const installation = stack.use(await newInstallation('pglite', { empty: true }))
    if ((await story(installation)) === null) continue
    stack.move()
    return installation
  }
}

function entries({ dataDir }: Installation): string[] {
  try {
    return readdirSync(dataDir)
  } catch {
    return []
  }
}

/** It ends in order, before it serves; null when it had begun to serve already. */
async function askToStop(asked: Running | null): Promise<Running | null> {
  asked?.kill('SIGINT')
  if (asked === null) return null
  assert.equal(await asked.exit, 0, asked.stderr)
  return asked.stdout === '' ? asked : null
}

describe('a first start on PGlite', () => {
  it('that is killed leaves nothing that the next one minds; one that is asked to stop comes to its end first', async () => {
    await using installation = await begin(async (fresh) => {
      const killed = await inTheMiddle(fresh)
      killed?.kill('SIGKILL')
      await killed?.exit
      return killed && !isMade(fresh) ? inTheMiddle(fresh).then(askToStop) : null
    })
    const up = await installation.up()
    await up.client().created('/api/v1/links', { target: 'https://example.com/' })
    assert.deepEqual(entries(installation).sort(), ['db', 'db.lock', 'secret'])
  })
})
