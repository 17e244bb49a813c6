import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { describe, it } from 'node:test'
import { eventually, type TestClient, testRedisUrl } from '@stoa/testkit'
import { type Installation, newInstallation } from './program.ts'

const BROWSER = {
  accept: 'text/html,application/xhtml+xml',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
}

interface Link {
  readonly id: string
  readonly shortUrl: string
  readonly target: string
}

/** Pastes a line into a shell. A machine without curl gets one that can do what the line asks for. */
async function paste({ folder }: Installation, line: string, env: Record<string, string> = {}): Promise<Link> {
  const { PATH = '' } = process.env
  const path = hasCurl() ? PATH : `${await curlOf(folder)}${delimiter}${PATH}`
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', line], {
    encoding: 'utf8',
    env: { PATH: path, ...env },
  })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as Link
}

function hasCurl(): boolean {
  return spawnSync('curl', ['--version']).status === 0
}

async function curlOf(folder: string): Promise<string> {
  const program = `#!${process.execPath}
    const { parseArgs } = require('node:util')
    const string = { type: 'string', short: 'H', multiple: true }
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { silent: { type: 'boolean', short: 's' },
      error: { type: 'boolean', short: 'S' }, header: string, data: { type: 'string', short: 'd' } } })
    const headers = Object.fromEntries(values.header.map((line) => line.split(/: (.*)/, 2)))
    fetch(positionals[0], { method: 'POST', headers, body: values.data }).then((answer) => answer.text()).then(console.log)`
  await writeFile(join(folder, 'curl'), program)
  await chmod(join(folder, 'curl'), 0o755)
  return folder
}

const PLACES = [
  { name: 'PGlite', engine: 'pglite', says: /PGlite in \S+\/db/, durability: /^pglite:/, settings: () => ({}) },
  {
    name: 'PostgreSQL and Redis',
    engine: 'postgres',
    says: /PostgreSQL at \S+\/stoa_program_\w+\n +Redis +\S+:\d+/,
    durability: /^postgres:/,
    settings: () => ({ REDIS_URL: testRedisUrl() }),
  },
] as const

for (const { durability, engine, name, says, settings } of PLACES) {
  describe(`the first start on ${name}`, () => {
    it('a stranger types npm start, pastes the line, follows the link, and sees the click counted; later starts keep it all', async () => {
      await using installation = await newInstallation(engine, { empty: true, settings: settings() })
      const first = await installation.npmStart()
      const key = first.key as string
      assert.match(first.stdout, says)
      assert.match(first.stdout, /tenant 'demo'/)
      for (const page of ['/docs', '/health/ready']) {
        assert.ok(first.stdout.includes(`${first.url}${page}`))
        assert.equal((await first.client(null).got(page)).status, 200)
      }

      assert.ok(first.curl.includes(key))
      const link = await paste(installation, first.curl)
      assert.equal(link.target, 'https://example.com/')
      const followed = await fetch(link.shortUrl, { redirect: 'manual', headers: BROWSER })
      assert.equal(followed.status, 302)
      assert.equal(followed.headers.get('location'), link.target)
      const clicks = () => first.client().got<{ total: object }>(`/api/v1/links/${link.id}/clicks`)
      const counted = await eventually(clicks, ({ body }) => JSON.stringify(body.total) !== '{"clicks":0,"bots":0}')
      assert.deepEqual(counted.body.total, { clicks: 1, bots: 0 })
      const { body: health } = await first
        .client(null)
        .got<{ checks: { database: { durability: string } } }>('/health/ready')
      assert.match(health.checks.database.durability, durability)
      first.press('SIGINT')
      await first.exit

      const second = await installation.up({ STOA_KEY: key })
      assert.equal(second.key, null)
      assert.doesNotMatch(second.stdout, /first start:/)
      const again = await paste(installation, second.curl, { STOA_KEY: key })
      assert.notEqual(again.id, link.id)
      const client = second.client()
      const { body: kept } = await client.got<{ total: object }>(`/api/v1/links/${link.id}/clicks`)
      assert.deepEqual(kept.total, counted.body.total)
      assert.equal((await client.send('GET', new URL(link.shortUrl).pathname)).status, 302)
      await trailIsComplete(client, [again.id, link.id])
      assert.equal(await second.stop(), 0)
    })
  })
}

interface Trail {
  readonly data: readonly { type: string; actor: { type: string; id: string } }[]
}

/** What was done is there, with who did it. */
async function trailIsComplete(client: TestClient, links: readonly string[]): Promise<void> {
  const trail = async (filter: string) => {
    const read = () => client.got<Trail>(`/api/v1/audit?${filter}`)
    // An event becomes readable when the transactions before it have ended, those of other databases of the server too.
    const { body } = await eventually(read, (answer) => answer.body.data.length > 0)
    return body.data.map(({ actor, type }) => `${type} by ${actor.type}`)
  }
  for (const id of links) assert.deepEqual(await trail(`subject=link:${id}`), ['link.created by apiKey'])
  assert.deepEqual(await trail('type=api_key.created'), ['api_key.created by system'])
}
