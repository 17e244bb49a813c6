import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { closed, openRequest } from './open-request.ts'
import { type Installation, newInstallation } from './program.ts'

/*
 * A terminal sends Ctrl-C to every process of the group: npm, its shell, and the program. The end of the command is the
 * end of all three, because each holds the other end of its output.
 */
describe('npm start', () => {
  const settings = { STOA_DRAIN_TIMEOUT_MS: '600000' }
  let installation: Installation
  before(async () => {
    installation = await newInstallation('pglite')
  })
  after(() => installation[Symbol.asyncDispose]())

  it('stops by Ctrl-C, and finishes what it has begun', async () => {
    const up = await installation.npmStart(settings)
    const open = await openRequest(up, installation)
    up.press('SIGINT')
    await eventually(() => closed(up.url), Boolean)
    assert.equal((await open.finish()).status, 201)
    // npm ends by the signal or with the exit code of the program, as its shell has it.
    const end = await up.exit
    assert.ok(end === 'SIGINT' || end === 130 || end === 0, String(end))
    assert.match(up.stderr, /"msg":"stopped"/)
  })

  it('stops at once by a second Ctrl-C', async () => {
    const up = await installation.npmStart(settings)
    const open = await openRequest(up, installation)
    up.press('SIGINT')
    await up.logged(/"msg":"stopping"/)
    // A press so soon after the first may count as the same one; nobody has to press for ever.
    await eventually(async () => up.ended ?? up.press('SIGINT'), Boolean)
    await open.cut
    assert.match(up.stderr, /stopped at once/)
  })

  it('leaves nothing running when npm alone is told to end', async () => {
    const up = await installation.npmStart(settings)
    up.kill('SIGTERM')
    await up.logged(/"msg":"stopped"/)
    await up.exit
  })
})
