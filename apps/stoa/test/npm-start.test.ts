import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
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
const SHELLS = {
  waits: '#!/bin/sh\neval "$2"\nexit $?\n',
  'gives way': '#!/bin/sh\nexec /bin/sh -c "exec $2"\n',
}

for (const [behaviour, script] of Object.entries(SHELLS)) {
  describe(`npm start, whose shell ${behaviour}`, () => {
    let installation: Installation
    let settings: Record<string, string>
    before(async () => {
      installation = await newInstallation('pglite')
      const folder = join(installation.folder, 'shell')
      const shell = join(folder, 'sh')
      await mkdir(folder)
      await writeFile(shell, script)
      await chmod(shell, 0o755)
      settings = { STOA_DRAIN_TIMEOUT_MS: '600000', npm_config_script_shell: shell }
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
      up.press('SIGINT')
      // Where the shell gives way, a press so soon after the first may count as the same one; nobody has to press for ever.
      if (behaviour === 'gives way') await eventually(async () => up.ended ?? up.press('SIGINT'), Boolean)
      await open.cut
      await up.exit
      assert.match(up.stderr, /stopped at once/)
    })

    it('leaves nothing running when npm alone is told to end', async () => {
      const up = await installation.npmStart(settings)
      up.kill('SIGTERM')
      await up.logged(/"msg":"stopped"/)
      await up.exit
    })
  })
}
