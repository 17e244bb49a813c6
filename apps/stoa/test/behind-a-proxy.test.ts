import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newInstallation } from './program.ts'

it('a program behind a proxy that it does not trust says so once, and which variable mends it', async () => {
  await using installation = await newInstallation('pglite')
  const up = await installation.up()
  for (const visitor of ['198.51.100.1', '198.51.100.2']) {
    const answer = await fetch(`${up.url}/api/v1/links`, { headers: { 'x-forwarded-for': visitor } })
    assert.equal(answer.status, 401)
    await answer.arrayBuffer()
  }
  await up.logged(/"level":"warn".*"peer":"127\.0\.0\.1".*STOA_TRUSTED_PROXIES/)
  await up.stop()
  assert.equal(up.stderr.match(/STOA_TRUSTED_PROXIES/g)?.length, 1)
})
