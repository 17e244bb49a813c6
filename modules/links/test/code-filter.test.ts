import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CodeFilter } from '../src/codes/code-filter.ts'

const codes = (prefix: string, count: number) => Array.from({ length: count }, (_, number) => `${prefix}${number}`)

/** All of them, in pages of a thousand. */
function pagesOf(all: readonly string[]) {
  return async (after: string) => all.slice(all.indexOf(after) + 1).slice(0, 1_000)
}

describe('the filter of codes', () => {
  it('says yes to everything until it is filled', async () => {
    const filter = new CodeFilter()
    assert.equal(filter.isFilled, false)
    assert.equal(filter.mayHave('abc'), true)
    await filter.fill(0, pagesOf([]))
    assert.equal(filter.isFilled, true)
    assert.equal(filter.mayHave('abc'), false)
  })

  it('knows every code, and takes less than one unknown code in a thousand for known', async () => {
    const filter = new CodeFilter()
    const known = codes('known', 60_000)
    await filter.fill(0, pagesOf(known))
    assert.ok(known.every((code) => filter.mayHave(code)))
    const wrong = codes('unknown', 100_000).filter((code) => filter.mayHave(code)).length
    assert.ok(wrong < 100, `${wrong} of 100,000`)
  })

  it('knows codes that are made before, while and after it is filled', async () => {
    const filter = new CodeFilter()
    await filter.fill(0, pagesOf(codes('a', 10)))
    filter.add('before')
    const filling = filter.fill(10, async (after) => {
      if (after !== '') return []
      filter.add('while')
      return ['a0', 'before']
    })
    await filling
    filter.add('after')
    for (const code of ['a0', 'before', 'while', 'after']) assert.equal(filter.mayHave(code), true, code)
    assert.equal(filter.mayHave('a1'), false)
  })

  it('goes on as before when it cannot be filled', async () => {
    const filter = new CodeFilter()
    await filter.fill(0, pagesOf(['abc']))
    await assert.rejects(
      filter.fill(0, async () => {
        throw new Error('away')
      }),
      /away/,
    )
    assert.equal(filter.mayHave('abc'), true)
    assert.equal(filter.mayHave('xyz'), false)
  })

  it('says when it holds more codes than it was made for, and not when it is filled anew', async () => {
    const filter = new CodeFilter()
    await filter.fill(0, pagesOf([]))
    const many = codes('code', 70_000)
    for (const code of many) filter.add(code)
    assert.equal(filter.isFull, true)
    await filter.fill(many.length, pagesOf(many))
    assert.equal(filter.isFull, false)
  })

  it('is another one in each process: what passes one is refused by another', async () => {
    const filters = [new CodeFilter(), new CodeFilter()] as const
    const known = codes('known', 65_000)
    for (const filter of filters) await filter.fill(0, pagesOf(known))
    const wrong = codes('unknown', 200_000).filter((code) => filters[0].mayHave(code))
    assert.ok(wrong.filter((code) => filters[1].mayHave(code)).length <= wrong.length / 2)
  })
})
