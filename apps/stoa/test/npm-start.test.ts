import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { closed, openRequest } from './open-request.ts'
import { type Installation, newInstallation } from './program.ts'

/*
 * A terminal sends Ctrl-C to every process of the group: npm, its shell, and the program. The end of the command is the
 * end of all three, because each holds the other end of its output. Shells differ: some wait for the program, and some
 * let it take their place; then npm's own copy of a signal reaches it, too.
 */
const WAITS = '#!/bin/sh\neval "$2"\nexit $?\n'
const GIVES_WAY = '#!/bin/sh\nexec /bin/sh -c "exec $2"\n'

describe('npm start', () => {
  let installation: Installation
  before(async () => {
    installation = await newInstallation('pglite')
  })
  after(() => installation[Symbol.asyncDispose]())

  /** A start by npm with this shell, and a request that it has begun. */
  async function start(shell: string) {
    const path = join(installation.folder, 'sh')
    await writeFile(path, shell)
    await chmod(path, 0o755)
    const settings = { STOA_DRAIN_TIMEOUT_MS: '600000', npm_config_script_shell: path }
    const up = await installation.npmStart(settings)
    return { up, open: await openRequest(up, installation) }
  }

  it('stops by Ctrl-C, and finishes what it has begun, also when npm passes the same Ctrl-C on', async () => {
    const { up, open } = await start(GIVES_WAY)
    up.press('SIGINT')
    await eventually(() => closed(up.url), Boolean)
    assert.equal((await open.finish()).status, 201)
    // npm ends by the signal or with the exit code of the program, as its shell has it.
    const end = await up.exit
    assert.ok(end === 'SIGINT' || end === 130 || end === 0, String(end))
    assert.match(up.stderr, /"msg":"stopped"/)
  })

  it('stops at once by a second Ctrl-C, however soon it comes, when npm passes nothing on', async () => {
    const { up, open } = await start(WAITS)
    up.press('SIGINT')
    await up.logged(/"msg":"stopping"/)
    up.press('SIGINT')
    await open.cut
    await up.exit
    assert.match(up.stderr, /stopped at once/)
  })

  it('leaves nothing running when npm alone is told to end', async () => {
    const { up, open } = await start(WAITS)
    up.kill('SIGTERM')
    assert.equal((await open.finish()).status, 201)
    await up.logged(/"msg":"stopped"/)
    await up.exit
  })
})
