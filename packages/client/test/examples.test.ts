import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { describeExamples, examplePath } from '@stoa/testkit/examples'
import { setup } from './setup.ts'

describeExamples(import.meta.url, { runElsewhere: ['links.ts'] })

it('links.ts follows the channel until it is interrupted', async () => {
  await using server = await setup()
  const env = { ...process.env, STOA_URL: server.url, STOA_KEY: 'ada|realtime:connect,notes:read' }
  const child = spawn(process.execPath, [examplePath(import.meta.url, 'links.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
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
