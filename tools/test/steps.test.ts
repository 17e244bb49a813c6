import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runSteps, type StepOutcome } from '../steps.ts'

const passed: StepOutcome = { code: 0, output: 'looked\nall is well\n\n' }

async function steps(outcomes: Readonly<Record<string, StepOutcome>>, lanes = 2) {
  const said: string[] = []
  const begun: string[] = []
  let running = 0
  let most = 0
  const failed = await runSteps(Object.keys(outcomes), {
    lanes,
    say: (text) => said.push(text.replace(/ +\d+\.\d s/, ' T')),
    async run(name) {
      begun.push(name)
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
      return outcomes[name] as StepOutcome
    },
  })
  return { failed, said, begun, most }
}

describe('the steps of a check', () => {
  it('say one line each: name, time, and the last line that the step printed', async () => {
    const { failed, said } = await steps({ lint: passed, typecheck: { code: 0, output: '' } }, 1)
    assert.deepEqual(failed, [])
    assert.deepEqual(said, ['✓ lint T  all is well', '✓ typecheck T'])
  })

  it('all run when one fails, and what that one printed is shown', async () => {
    const broken = { code: 1, output: 'a.ts:1\n\nwrong\n' }
    const { failed, said, begun } = await steps({ a: broken, b: passed, c: { code: null, output: '' }, d: passed })
    assert.deepEqual(failed, ['a', 'c'])
    assert.deepEqual(begun.sort(), ['a', 'b', 'c', 'd'])
    assert.ok(said.includes('✗ a T  failed\n    a.ts:1\n    wrong'))
    assert.ok(said.includes('✗ c T  was ended by a signal'))
  })

  it('run as many at a time as there are lanes, in their order', async () => {
    const many = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, passed]))
    assert.equal((await steps(many, 2)).most, 2)
    assert.deepEqual((await steps(many, 1)).begun, ['a', 'b', 'c', 'd', 'e'])
  })
})
