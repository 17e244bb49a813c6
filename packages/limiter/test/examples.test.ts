import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { describeExamples, examplePath } from '@stoa/testkit/examples'

const pathOf = (file: string) => examplePath(import.meta.url, file)
const servers = ['express.ts', 'fastify.ts']

describeExamples(import.meta.url, { runElsewhere: servers })

describe('the example', () => {
  for (const file of servers) {
    it(`${file} is in the README as it is, serves 100 requests and refuses the next`, async () => {
      const source = readFileSync(pathOf(file), 'utf8')
      assert.ok(readFileSync(new URL('../README.md', import.meta.url), 'utf8').includes(source.trimEnd()))
      const child = spawn(process.execPath, [pathOf(file)], {
        env: { ...process.env, PORT: '0' },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        const url = `http://localhost:${await portOf(child.stdout)}/`
        const ask = async () => {
          const answer = await fetch(url)
          assert.match(answer.headers.get('ratelimit-policy') ?? '', /;q=100;w=60$/)
          await answer.arrayBuffer()
          return answer.status
        }
        const statuses = await Promise.all(Array.from({ length: 100 }, ask))
        assert.deepEqual(new Set(statuses), new Set([200]))
        // Meanwhile the bucket fills again, by a token in 0.6 s: many at once are faster than that on any machine.
        await eventually(
          () => Promise.all(Array.from({ length: 20 }, ask)),
          (more) => more.includes(429),
        )
      } finally {
        child.kill()
      }
    })
  }
})

async function portOf(output: NodeJS.ReadableStream): Promise<number> {
  let text = ''
  for await (const chunk of output) {
    text += String(chunk)
    const port = /(?:port: |:)(\d+)\s/.exec(text)
    if (port) return Number(port[1])
  }
  throw new Error(`it ended: ${text}`)
}
