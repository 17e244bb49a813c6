import assert from 'node:assert/strict'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { engines } from '@stoa/testkit'
import { type Installation, newInstallation } from './program.ts'
import { refused } from './refusal.ts'

for (const engine of engines) {
  describe(`a start on a database on ${engine} that belongs to something else`, () => {
    let installation: Installation
    let link: { readonly id: string }
    before(async () => {
      installation = await newInstallation(engine)
      const up = await installation.up()
      link = (await up.client().created<typeof link>('/api/v1/links', { target: 'https://example.com/' })).body
      assert.equal(await up.stop(), 0)
    })
    after(() => installation[Symbol.asyncDispose]())

    it('is refused with another secret, without one, and with one that was cut short', async () => {
      const secret = join(installation.dataDir, 'secret')
      const STOA_SECRET = 'another secret, which is long enough'
      refused(await installation.run('up', { STOA_SECRET }), /made with another secret than STOA_SECRET holds/)
      await rename(secret, `${secret}.kept`)
      refused(await installation.call('up'), /made with a secret that is not there: put \S+\/secret back from a backup/)
      await writeFile(secret, 'cut short')
      refused(await installation.call('up'), /The secret \S+\/secret has fewer than 32 characters/)
      await rm(secret)
      await rename(`${secret}.kept`, secret)
    })

    it('is refused when a newer release has changed it for good, and not when it only added something', async () => {
      const applied = (breaking: boolean) => `
        insert into stoa.migrations (schema, owner, name, breaking, checksum, duration_ms)
        values ('stoa', 'links', '9001_from_the_future', ${breaking}, '', 0)
        on conflict (schema, owner, name) do update set breaking = excluded.breaking`
      await installation.admin((session) => session.exec(applied(true)))
      for (const command of ['up', 'serve', 'migrate']) {
        const why = /changed by a newer release.*links\/9001_from_the_future in stoa\. Start the newer release/
        refused(await installation.call(command), why)
      }
      await installation.admin((session) => session.exec(applied(false)))
      await using up = await installation.up()
      await up.client().got(`/api/v1/links/${link.id}`)
      assert.equal(await up.stop(), 0)
    })
  })
}
