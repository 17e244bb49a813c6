import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errors, isError } from '@stoa/kernel'
import { PasswordHasher } from '../src/index.ts'

const pepper = Buffer.alloc(32, 'pepper')

describe('passwords', () => {
  it('are kept as an argon2id hash with a salt of its own, which the password opens and no other does', async () => {
    const hasher = new PasswordHasher({ pepper, atOnce: 2 })
    const [kept, again] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')])
    assert.match(kept, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    assert.notEqual(kept, again)
    assert.deepEqual(await hasher.verify('correct horse', kept), { ok: true, stale: false })
    assert.deepEqual(await hasher.verify('Correct horse', kept), { ok: false, stale: false })
    for (const nobodys of [null, '', '$2b$10$abcdefghijklmnopqrstuv']) {
      assert.equal((await hasher.verify('correct horse', nobodys)).ok, false)
    }
  })

  it('open with the pepper that they were hashed with, or without one', async () => {
    const plain = new PasswordHasher({ atOnce: 2 })
    const others = new PasswordHasher({ pepper: Buffer.alloc(32, 'another'), atOnce: 2 })
    const kept = await new PasswordHasher({ pepper, atOnce: 2 }).hash('x')
    assert.deepEqual([(await plain.verify('x', kept)).ok, (await others.verify('x', kept)).ok], [false, false])
    assert.equal((await new PasswordHasher({ atOnce: 1 }).verify('x', await plain.hash('x'))).ok, true)
  })

  it('are those of other programs too; with other parameters they are to be hashed anew', async () => {
    // Of the reference implementation's own tests.
    const kept = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
    const hasher = new PasswordHasher({ atOnce: 1 })
    assert.deepEqual(await hasher.verify('password', kept), { ok: true, stale: true })
  })

  it('wait their turn, and beyond a length of the line are refused', async () => {
    const hasher = new PasswordHasher({ atOnce: 1, maxWaiting: 2 })
    const all = ['first', 'second', 'third'].map((password) => hasher.hash(password))
    assert.equal(hasher.waiting, 2)
    await assert.rejects(hasher.verify('one more', null), (error) => isError(error, errors.overloaded))
    await all[0]
    assert.equal(hasher.waiting, 1)
    const late = hasher.hash('late')
    assert.equal(hasher.waiting, 2, 'nobody slips in')
    await Promise.all([...all, late])
    assert.equal(hasher.waiting, 0)
  })
})
