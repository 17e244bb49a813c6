import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Links, type LinksDeps } from '../src/links.ts'

describe('passwords of many links', () => {
  it('are hashed some at a time, not one after the other and not all at once', async () => {
    let [running, most] = [0, 0]
    const passwords = {
      async hash(password: string) {
        most = Math.max(most, ++running)
        await setImmediate()
        running--
        return `hash of ${password}`
      },
    }
    const links = new Links({ passwords } as Partial<LinksDeps> as LinksDeps)
    const many = Array.from({ length: 30 }, (_, n) => ({ password: n % 3 === 0 ? null : `word ${n}` }))
    const hashes = await links.hashPasswords(many)
    assert.deepEqual(
      many.map((one) => hashes.get(one)),
      many.map(({ password }) => (password === null ? undefined : `hash of ${password}`)),
    )
    assert.ok(most > 1 && most <= 4, `${most} at a time`)
  })
})
