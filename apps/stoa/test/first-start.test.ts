import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import { engines } from '@stoa/testkit'
import { call, eventually, newInstallation } from './program.ts'

/** The words of a POSIX shell line with plain quotes and variables. */
function shellWords(line: string, variables: Record<string, string> = {}): string[] {
  return [...line.matchAll(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"|([^'"]+)/g, (_all, single, double, plain) => {
      if (single !== undefined) return single
      return (double ?? plain).replace(/\$([A-Z_]+)/g, (_name: string, name: string) => variables[name] ?? '')
    }),
  )
}

/** What curl would send. */
function requestOf(line: string, variables?: Record<string, string>) {
  const words = shellWords(line, variables)
  assert.equal(words[0], 'curl')
  const url = words.find((word) => word.startsWith('http')) as string
  const after = (option: string) => words.filter((_word, index) => words[index - 1] === option)
  const headers = Object.fromEntries(after('-H').map((header) => header.split(/: (.*)/, 2) as [string, string]))
  return { url, headers, body: after('-d')[0] as string }
}

for (const engine of engines) {
  describe(`the first start on ${engine}`, () => {
    it('a stranger creates a link by the printed line, follows it, and sees the click counted', async () => {
      await using installation = await newInstallation(engine)
      const first = await installation.up()
      assert.ok(first.key)
      assert.ok(first.curl.includes(first.key))
      assert.match(first.stdout, /tenant 'demo'/)
      assert.match(first.stdout, new RegExp(`${first.url}/docs`))

      const { url, headers, body } = requestOf(first.curl)
      const created = await fetch(url, { method: 'POST', headers, body })
      assert.equal(created.status, 201)
      const link = (await created.json()) as { id: string; shortUrl: string; target: string }
      const browser = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
      const followed = await fetch(link.shortUrl, { redirect: 'manual', headers: browser })
      assert.equal(followed.status, 302)
      assert.equal(followed.headers.get('location'), link.target)

      const clicks = () => call(`${first.url}/api/v1/links/${link.id}/clicks`, first.key)
      const counted = await eventually(clicks, ({ body }) => body.total.clicks > 0)
      assert.deepEqual(counted.body.total, { clicks: 1, bots: 0 })

      const ready = await call(`${first.url}/health/ready`, null)
      assert.equal(ready.status, 200)
      assert.match(ready.body.checks.database.durability, engine === 'pglite' ? /^pglite:/ : /^postgres:/)
      assert.equal(await first.stop(), 0)
    })

    it('the key is shown once: a later start has none, and the first one still opens everything', async () => {
      await using installation = await newInstallation(engine)
      const first = await installation.up()
      const key = first.key as string
      const created = await call(`${first.url}/api/v1/links`, key, 'POST', { target: 'https://example.com/' })
      assert.equal(await first.stop(), 0)

      const second = await installation.up({ STOA_KEY: key })
      assert.equal(second.key, null)
      const { url, headers, body } = requestOf(second.curl, { STOA_KEY: key })
      assert.equal((await fetch(url, { method: 'POST', headers, body })).status, 201)
      const again = await call(`${second.url}/api/v1/links/${created.body.id}`, key)
      assert.equal(again.body.code, created.body.code)
      assert.equal((await call(`${second.url}/l/${created.body.code}`, null)).status, 302)
      assert.equal(await second.stop(), 0)
    })

    it('what was done is in the audit trail, with the key that did it', async () => {
      await using installation = await newInstallation(engine)
      const { key, url } = await installation.up()
      const link = await call(`${url}/api/v1/links`, key, 'POST', { target: 'https://example.com/' })
      const trail = await call(`${url}/api/v1/audit?subject=link:${link.body.id}`, key)
      assert.equal(trail.status, 200)
      assert.deepEqual(
        trail.body.data.map((event: { type: string; actor: { type: string } }) => [event.type, event.actor.type]),
        [['link.created', 'apiKey']],
      )
      const everything = await call(`${url}/api/v1/audit?limit=1`, key)
      assert.equal(everything.body.data[0].type, 'link.created')
      const older = await call(`${url}/api/v1/audit?limit=1&cursor=${everything.body.nextCursor}`, key)
      assert.deepEqual(
        older.body.data.map((event: { type: string; actor: object }) => [event.type, event.actor]),
        [['api_key.created', { type: 'system', id: 'first start' }]],
      )
      assert.equal((await call(`${url}/api/v1/audit?after=yesterday`, key)).status, 422)
      assert.equal((await call(`${url}/api/v1/audit?cursor=made-up`, key)).status, 400)
    })
  })
}

describe('the printed line', () => {
  const curl = ['/usr/bin/curl', '/bin/curl', '/usr/local/bin/curl'].find((path) => existsSync(path))

  it('works as it is in a shell', { skip: curl ? false : 'there is no curl on this machine' }, async () => {
    await using installation = await newInstallation('pglite')
    const first = await installation.up()
    const { status, stdout } = spawnSync('sh', ['-c', first.curl], { encoding: 'utf8' })
    assert.equal(status, 0)
    assert.equal(JSON.parse(stdout).target, 'https://example.com/')
    await first.stop()
    const second = await installation.up()
    const later = spawnSync('sh', ['-c', `export STOA_KEY=${first.key}; ${second.curl}`], { encoding: 'utf8' })
    assert.equal(JSON.parse(later.stdout).target, 'https://example.com/')
  })
})
