import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Gathering } from '../src/clicks/gathering.ts'

function setup(options: { most?: number; atOnce?: number } = {}) {
  const asked: { keys: readonly string[]; answer: PromiseWithResolvers<ReadonlyMap<string, string>> }[] = []
  const gathering = new Gathering<string>({
    most: options.most ?? 100,
    atOnce: options.atOnce ?? 1,
    ask(keys) {
      const answer = Promise.withResolvers<ReadonlyMap<string, string>>()
      asked.push({ keys, answer })
      return answer.promise
    },
  })
  const answer = (question: number) => {
    const { answer, keys } = asked[question] ?? assert.fail('nobody has asked')
    answer.resolve(new Map(keys.filter((key) => key !== 'none').map((key) => [key, `value of ${key}`])))
  }
  return { gathering, asked, answer }
}

describe('gathering', () => {
  it('asks once for all that is wanted in one turn, and for what is wanted twice once', async () => {
    const { gathering, asked, answer } = setup()
    const wanted = ['a', 'b', 'a', 'none'].map((key) => gathering.get(key))
    await setImmediate()
    answer(0)
    assert.deepEqual(await Promise.all(wanted), ['value of a', 'value of b', 'value of a', null])
    assert.deepEqual(
      asked.map(({ keys }) => keys),
      [['a', 'b', 'none']],
    )
    assert.equal(gathering.questions, 1)
  })

  it('gathers what is wanted while a question is under way', async () => {
    const { gathering, asked, answer } = setup()
    const first = gathering.get('a')
    await setImmediate()
    const later = ['b', 'c'].map((key) => gathering.get(key))
    await setImmediate()
    assert.equal(asked.length, 1)
    answer(0)
    await first
    await setImmediate()
    answer(1)
    assert.deepEqual(await Promise.all(later), ['value of b', 'value of c'])
  })

  it('asks for no more at a time than it may', async () => {
    const { gathering, asked, answer } = setup({ most: 2, atOnce: 2 })
    const wanted = ['a', 'b', 'c', 'd', 'e'].map((key) => gathering.get(key))
    await setImmediate()
    await setImmediate()
    assert.deepEqual(
      asked.map(({ keys }) => keys.length),
      [2, 2],
    )
    answer(0)
    answer(1)
    await wanted[0]
    await setImmediate()
    answer(2)
    assert.equal((await Promise.all(wanted)).length, 5)
  })

  it('tells all who wait of a failure, and asks anew after it', async () => {
    const { gathering, asked, answer } = setup()
    const wanted = [gathering.get('a'), gathering.get('b')]
    await setImmediate()
    asked[0]?.answer.reject(new Error('away'))
    for (const each of wanted) await assert.rejects(each, /away/)
    const again = gathering.get('a')
    await setImmediate()
    answer(1)
    assert.equal(await again, 'value of a')
  })
})
