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

  it('is the one that TEST_BROWSER names, and no other', async () => {
    const programs = { '/opt/chrome': '', '/usr/bin/chromium': '' }
    assert.equal(await provideBrowser(fakeMachine({ env: { TEST_BROWSER: '/opt/chrome' }, programs })), '/opt/chrome')
    await assert.rejects(
      provideBrowser(fakeMachine({ env: { TEST_BROWSER: '/opt/chrom' }, programs })),
      /^Error: TEST_BROWSER names no program that can be run: \/opt\/chrom$/,
    )
  })

  it('is found among the applications of macOS, which are not in PATH', async () => {
    const path = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
    assert.equal(await provideBrowser(fakeMachine({ platform: 'darwin', programs: { [path]: '' } })), path)
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
      /need Chromium or Google Chrome in PATH: apt-get is not possible here .* Install it, or name one by TEST_BROWSER, and start again\.$/,
    )
  })
})
