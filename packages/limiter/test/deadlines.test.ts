import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { eventually } from '@stoa/testkit'
import { Deadlines, type Timed } from '../src/deadlines.ts'

/** Calls that tell when they were late. */
function setup() {
  const deadlines = new Deadlines()
  const late: string[] = []
  const begin = (name: string, limitMs: number) => {
    const call: Timed & { done: boolean } = {
      done: false,
      late: () => {
        late.push(name)
        end()
      },
    }
    const end = () => {
      call.done = true
      deadlines.finish()
    }
    deadlines.add(call, limitMs)
    return end
  }
  return { begin, late }
}

describe('Deadlines', () => {
  it('tells those that were not answered in time, in the order of their deadlines, and no others', async (t) => {
    const { begin, late } = setup()
    // They begin at one moment, however slow the machine is.
    const begun = performance.now()
    const { mock } = t.mock.method(performance, 'now', () => begun)
    begin('a', 10)
    const answered = begin('b', 10)
    begin('c', 20)
    begin('short', 1)
    answered()
    begin('d', 30)
    mock.restore()
    await eventually(() => late.length === 4)
    assert.deepEqual(late, ['short', 'a', 'c', 'd'])
  })

  it('begins again after a rest, and passes over thousands that were answered', async () => {
    const { begin, late } = setup()
    for (let turn = 0; turn < 5000; turn++) begin(`answered ${turn}`, 5)()
    begin('one', 5)
    await eventually(() => late.length === 1)
    begin('two', 5)
    await eventually(() => late.length === 2)
    assert.deepEqual(late, ['one', 'two'])
  })

  it('does not wait for a long one that was answered when a short one begins', async () => {
    const { begin, late } = setup()
    begin('long', 3_600_000)()
    begin('short', 1)
    await eventually(() => late.length === 1)
    assert.deepEqual(late, ['short'])
  })

  it('keeps a process from ending while a call is open, and not when all were answered', () => {
    const program = (last: string) => `
      import { Deadlines } from '${new URL('../src/deadlines.ts', import.meta.url).href}'
      const deadlines = new Deadlines()
      const late = () => {
        console.log('late')
        deadlines.finish()
      }
      const call = { done: false, late }
      deadlines.add(call, 600_000)
      call.done = true
      deadlines.finish()
      ${last}`
    const run = (last: string) => {
      const args = ['--input-type=module', '--eval', program(last)]
      return execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
    }
    assert.equal(run(''), '')
    assert.equal(run('deadlines.add({ done: false, late }, 1)'), 'late\n')
  })
})
