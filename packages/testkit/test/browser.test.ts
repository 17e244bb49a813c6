import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { provideBrowser } from '@stoa/testkit/servers'
import { fakeMachine } from './fake-machine.ts'

describe('the browser of tests', () => {
  it('is the one in PATH, whatever it is called', async () => {
    assert.equal(
      await provideBrowser(fakeMachine({ programs: { '/usr/bin/google-chrome': '' } })),
      '/usr/bin/google-chrome',
    )
  })

  it('is installed by apt-get for root', async () => {
    const machine = fakeMachine({
      isRoot: true,
      programs: { '/usr/bin/apt-get': '' },
      answer(command) {
        if (/ install .*\bchromium$/.test(command)) machine.add('/usr/bin/chromium')
        return {}
      },
    })
    assert.equal(await provideBrowser(machine), '/usr/bin/chromium')
  })

  it('fails where none can be installed, and says what to install', async () => {
    await assert.rejects(
      provideBrowser(fakeMachine()),
      /need Chromium or Google Chrome in PATH: apt-get is not possible here .* Install it, and start again\.$/,
    )
  })
})
