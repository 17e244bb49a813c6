import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PasskeyChallenges } from '../src/factors/passkey-challenge.ts'

const MADE_AT = 1_800_000_000_000
const challenges = new PasskeyChallenges(Buffer.alloc(32, 'key'))

describe('a challenge of a passkey', () => {
  const challenge = challenges.make('browser', MADE_AT)

  it('holds for its browser, for ten minutes', () => {
    assert.notEqual(challenges.held(challenge, 'browser', MADE_AT), null)
    assert.notEqual(challenges.held(challenge, 'browser', MADE_AT + 600_000), null)
    assert.equal(challenges.held(challenge, 'browser', MADE_AT + 600_001), null)
  })

  it('of another browser, of another installation, or changed, is none', () => {
    assert.equal(challenges.held(challenge, 'other', MADE_AT), null)
    assert.equal(new PasskeyChallenges(Buffer.alloc(32, 'x')).held(challenge, 'browser', MADE_AT), null)
    const bytes = Buffer.from(challenge, 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.equal(challenges.held(changed.toString('base64url'), 'browser', MADE_AT), null, `${at}`)
    }
    for (const nothing of ['', 'x', challenge.slice(1)])
      assert.equal(challenges.held(nothing, 'browser', MADE_AT), null)
  })

  it('is another one each time, and is known again by its name', () => {
    assert.notEqual(challenges.make('browser', MADE_AT), challenge)
    const [one, two] = [1, 2].map(() => challenges.held(challenge, 'browser', MADE_AT)?.hash.toString('hex'))
    assert.equal(one, two)
  })
})
