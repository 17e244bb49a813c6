import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLogger, systemClock, systemCtx } from '@stoa/kernel'
import { engines, eventually } from '@stoa/testkit'
import { CodeFilter } from '../src/codes/code-filter.ts'
import { Directory } from '../src/codes/directory.ts'
import { Destinations } from '../src/targets/destinations.ts'
import { seedLink } from '../src/testing.ts'
import { startSuite } from './setup.ts'

for (const engine of engines) {
  describe(`a scan for codes on ${engine}`, () => {
    it('of 100,000 random codes makes no more than 200 reads, and hides no link', async () => {
      await using suite = await startSuite(engine)
      const links = await Promise.all(
        Object.values(suite.tenants).map((tenant) =>
          seedLink(suite.as(tenant), { target: 'https://example.com/kept' }),
        ),
      )
      const ctx = systemCtx({ log: silentLogger, clock: systemClock }, 'test')
      const directory = new Directory(suite.db, ctx, Buffer.alloc(32))
      const filter = new CodeFilter()
      await using _filling = directory.keep(filter, Promise.resolve())
      await eventually(async () => filter.isFilled)
      const destinations = new Destinations({
        entries: 100_000,
        ttlMs: 600_000,
        clock: systemClock,
        load: directory.find,
        filter,
      })
      for (let scanned = 0; scanned < 100_000; scanned += 1_000) {
        const found = Array.from({ length: 1_000 }, () => destinations.find('', randomCode()))
        assert.ok((await Promise.all(found)).every((destination) => destination === null))
      }
      assert.ok(destinations.counts.database <= 200, `${destinations.counts.database} codes were looked up`)
      assert.ok(directory.questions <= 200, `${directory.questions} reads`)
      for (const { code } of links)
        assert.equal((await destinations.find('', code))?.target, 'https://example.com/kept')
    })
  })
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const randomCode = () => Array.from({ length: 7 }, () => DIGITS[Math.floor(Math.random() * 62)]).join('')
