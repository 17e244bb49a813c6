import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seal, unseal } from '@stoa/kernel'

const key = Buffer.alloc(32, 'key')

describe('what is sealed', () => {
  it('opens with its key, in its place, and is never the same twice', () => {
    for (const plain of ['', 'a secret', '😀\u0000', Buffer.from([0xff, 0, 0x80])]) {
      assert.deepEqual(unseal(key, seal(key, plain, 'here'), 'here'), Buffer.from(plain))
    }
    assert.notDeepEqual(seal(key, 'a secret', 'here'), seal(key, 'a secret', 'here'))
  })

  it('opens nowhere else, and with no other key', () => {
    const sealed = seal(key, 'a secret', 'here')
    assert.throws(() => unseal(key, sealed, 'there'))
    assert.throws(() => unseal(Buffer.alloc(32, 'another'), sealed, 'here'))
  })

  it('does not open when a bit of it was turned, or an end of it is gone', () => {
    const sealed = seal(key, 'a secret', 'here')
    for (let index = 0; index < sealed.length; index++) {
      const turned = Buffer.from(sealed)
      turned.writeUInt8(turned.readUInt8(index) ^ 1, index)
      assert.throws(() => unseal(key, turned, 'here'), `byte ${index}`)
      assert.throws(() => unseal(key, sealed.subarray(0, index), 'here'), `the first ${index} bytes`)
    }
  })
})
