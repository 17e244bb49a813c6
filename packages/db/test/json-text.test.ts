import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engines, openTestDatabase } from '@stoa/testkit'
import { fitsJsonb } from '../src/index.ts'

const VALUES = [
  '',
  'plain',
  'é 😀',
  '\0',
  'a\0b',
  '\ud800',
  '\udc00x',
  '\\u0000',
  '\\\\u0000',
  '\\\0',
  '\\ud800',
  '\u0001',
  '\\\\\ud800',
]

for (const engine of engines) {
  describe(`fitsJsonb on ${engine}`, () => {
    it('says what the database takes', async () => {
      await using database = await openTestDatabase(engine, { sets: [], name: 'json' })
      for (const value of VALUES) {
        const text = JSON.stringify({ value })
        const taken = await database.db
          .admin((session) => session.query('select $1::jsonb', [text]))
          .then(
            () => true,
            () => false,
          )
        assert.equal(fitsJsonb(text), taken, text)
      }
    })
  })
}
