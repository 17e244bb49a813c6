import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { eventually, type Installation, newInstallation } from './program.ts'

/** A first start that is making the folder of its database. */
async function inTheMiddle(installation: Installation) {
  const before = entries(installation)
  const starting = installation.start('up')
  const isNew = (name: string) => name.startsWith('db.new-') && !before.includes(name)
  const begun = async () => entries(installation).some(isNew) || starting.ended !== null
  await eventually(begun, Boolean)
  assert.equal(starting.ended, null, starting.stderr)
  return starting
}

function entries({ dataDir }: Installation): string[] {
  try {
    return readdirSync(dataDir)
  } catch {
    return []
  }
}

describe('a first start on PGlite', () => {
  it('that is killed leaves nothing that the next one minds; one that is asked to stop comes to its end first', async () => {
    await using installation = await newInstallation('pglite', { empty: true })
    const killed = await inTheMiddle(installation)
    killed.kill('SIGKILL')
    await killed.exit

    const asked = await inTheMiddle(installation)
    asked.kill('SIGINT')
    assert.equal(await asked.exit, 0, asked.stderr)
    assert.equal(asked.stdout, '')

    const up = await installation.up()
    await up.client().created('/api/v1/links', { target: 'https://example.com/' })
    assert.deepEqual(entries(installation).sort(), ['db', 'db.lock', 'secret'])
  })
})
