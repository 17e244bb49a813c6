import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CodeSupply } from '../src/codes/code-supply.ts'
import { CODE_SPACE, type CodePermutation, codePermutation } from '../src/codes/short-code.ts'

const encoding = (encode: (number: number) => string): CodePermutation => ({
  encode,
  encodeRange: (start, end) => Array.from({ length: end - start }, (_, index) => encode(start + index)),
  decode: () => null,
})

/** Codes that show their number, in letters that form no word. */
const plain = encoding((n) => String(n).replace(/\d/g, (digit) => 'BCDFGHJLMX'.charAt(Number(digit))))

/** A database sequence in front of a supply. */
function setup(permutation = plain) {
  let leases = 0
  const supply = new CodeSupply(permutation)
  const lease = async () => {
    const start = leases * 1000
    leases++
    return start
  }
  return { supply, lease, leases: () => leases }
}

describe('the supply of codes', () => {
  it('asks the database once per 1,000 codes and never gives a code twice', async () => {
    const { supply, lease, leases } = setup()
    const codes = new Set<string>()
    for (let i = 0; i < 2_500; i++) codes.add(await supply.next(lease))
    assert.equal(codes.size, 2_500)
    assert.equal(leases(), 3)
  })

  it('wastes no block when many run dry at the same time', async () => {
    const { supply, lease, leases } = setup()
    const first = await Promise.all(Array.from({ length: 8 }, () => supply.next(lease)))
    assert.equal(new Set(first).size, 8)
    const drawn = leases()
    const rest = new Set(first)
    for (let i = first.length; i < drawn * 1000; i++) rest.add(await supply.next(lease))
    assert.equal(rest.size, drawn * 1000)
    assert.equal(leases(), drawn)
  })

  it('goes on with another block after a lease has failed', async () => {
    const { supply, lease } = setup()
    await assert.rejects(
      supply.next(async () => {
        throw new Error('away')
      }),
      /away/,
    )
    assert.equal(await supply.next(lease), 'B')
  })

  it('skips a code that must not be given out', async () => {
    const words = ['metrics', 'xfuckx1', 'abcdefg']
    const { supply, lease } = setup(encoding((n) => words[n] ?? ''))
    assert.equal(await supply.next(lease), 'abcdefg')
  })

  it('gives a block up when one of its codes is taken, and no other', async () => {
    const permutation = codePermutation(Buffer.alloc(16))
    const { supply, lease, leases } = setup(permutation)
    const numberOf = async () => Math.floor((permutation.decode(await supply.next(lease)) ?? 0) / 1000)
    const [first] = await Promise.all([supply.next(lease), supply.next(lease)])
    assert.equal(leases(), 2)
    supply.giveUpBlockOf(first)
    assert.equal(await numberOf(), 1)
    assert.equal(leases(), 2)
    supply.giveUpBlockOf(permutation.encode(1_500))
    assert.equal(await numberOf(), 2)
    supply.giveUpBlockOf('no code')
    assert.equal(await numberOf(), 2)
  })

  it('ends at the last code of the space, which the last block may not reach beyond', async () => {
    const supply = new CodeSupply(codePermutation(Buffer.alloc(16)))
    const start = Math.floor((CODE_SPACE - 1) / 1000) * 1000
    const last = CODE_SPACE - start
    let leases = 0
    const lease = async () => {
      if (leases++ > 0) throw new Error('no more codes')
      return start
    }
    let given = 0
    await assert.rejects(async () => {
      for (;;) {
        await supply.next(lease)
        given++
      }
    }, /no more codes/)
    assert.ok(given <= last && given > last - 20, `${given} of ${last}`)
  })
})
