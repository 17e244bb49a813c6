import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { closest, didYouMean, grouped } from '@stoa/kernel'
import fc from 'fast-check'

const names = ['leaseMs', 'batchSize', 'name', 'from']

describe('closest', () => {
  it('finds the word that was meant behind one slip', () => {
    const slips: [string, string][] = [
      ['leasMs', 'leaseMs'],
      ['leaseMS', 'leaseMs'],
      ['laeseMs', 'leaseMs'],
      ['batchsize', 'batchSize'],
      ['batch_size', 'batchSize'],
      ['nmae', 'name'],
      ['form', 'from'],
    ]
    for (const [slip, meant] of slips) assert.equal(closest(slip, names), meant, slip)
  })

  it('stays silent when nothing is near', () => {
    for (const word of ['colour', '', 'x', 'timeout']) assert.equal(closest(word, names), undefined, word)
    assert.equal(closest('name', []), undefined)
  })

  it('finds a word itself, and the same word with one letter gone', () => {
    const word = fc.stringMatching(/^[a-z]{4,12}$/)
    fc.assert(
      fc.property(word, fc.nat(3), (meant, gone) => {
        assert.equal(closest(meant, [meant, 'zzzzzzzzzzzzzzzzzzzz']), meant)
        assert.equal(closest(meant.slice(0, gone) + meant.slice(gone + 1), [meant]), meant)
      }),
    )
  })

  it('looks at the beginning of a key of a megabyte: to compare the whole of two would take hours', () => {
    const long = 'k'.repeat(1_000_000)
    assert.equal(closest(`${long}x`, [long]), long)
  })
})

describe('didYouMean', () => {
  it('is the end of a sentence, or nothing', () => {
    assert.equal(`unknown option 'nam'${didYouMean('nam', names)}`, "unknown option 'nam', did you mean 'name'?")
    assert.equal(didYouMean('zzz', names), '')
  })
})

describe('grouped', () => {
  it('puts a comma between thousands, as Intl does for English', () => {
    for (const value of [
      0,
      7,
      999,
      1_000,
      20_000,
      123_456,
      1_234_567,
      -1,
      -999,
      -1_000,
      -123_456,
      Number.MAX_SAFE_INTEGER,
    ]) {
      assert.equal(grouped(value), value.toLocaleString('en'))
    }
  })
})
