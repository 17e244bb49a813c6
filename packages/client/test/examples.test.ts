import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@stoa/testkit'
import { setup } from './setup.ts'

const EXAMPLE = new URL('../examples/links.ts', import.meta.url)

describe('examples', () => {
  it('links.ts follows the channel until it is interrupted', async () => {
    await using server = await setup()
    const env = { ...process.env, STOA_URL: server.url, STOA_KEY: 'ada|realtime:connect,notes:read' }
    const child = spawn(process.execPath, [fileURLToPath(EXAMPLE)], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const exit = once(child, 'exit')
    await eventually(() => server.realtime.status.subscriptions === 1)
    await server.write(7)
    await eventually(() => /^note\.written n7 /m.test(output))
    child.kill('SIGINT')
    assert.deepEqual(await exit, [0, null])
    assert.match(output, /^stood at \d+\.\d+$/m)
  })

  it('are what the README shows', () => {
    const code = readFileSync(EXAMPLE, 'utf8')
    const [, shown = ''] =
      /```ts\n([\s\S]*?)```/.exec(readFileSync(new URL('../README.md', import.meta.url), 'utf8')) ?? []
    const lines = shown.split('\n').map((line) => line.trim())
    assert.ok(lines.length > 5)
    assert.deepEqual(
      lines.filter((line) => !code.includes(line)),
      [],
    )
  })
})
