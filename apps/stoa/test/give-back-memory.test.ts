import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'
import { silentLogger } from '@stoa/kernel'
import { eventually, TestClock } from '@stoa/testkit'
import { giveBackMemory, giveBackMemoryAtRest } from '../src/give-back-memory.ts'

const youngSpace = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0

/** Makes the space of young objects grow, as loading a program does: what survives for a while makes it do so. */
function fillYoungSpace(): number {
  let kept: unknown[] = []
  for (let i = 0; i < 2_000_000; i++) {
    kept.push({ i })
    if (kept.length > 200_000) kept = []
  }
  return youngSpace()
}

describe('giveBackMemory', () => {
  it('makes the heap smaller, which does not become so by itself', async () => {
    const grown = fillYoungSpace()
    assert.ok(grown > 4_000_000, `it has grown to ${grown} bytes`)
    await pause(500)
    assert.ok(youngSpace() >= grown)
    giveBackMemory()
    // A process whose event loop turns, as that of the program does.
    assert.ok((await eventually(youngSpace, (size) => size <= grown / 4)) > 0)
  })

  it('leaves no collector behind for others to call', () => {
    giveBackMemory()
    assert.equal('gc' in globalThis, false)
  })
})

describe('giveBackMemoryAtRest', () => {
  it('does so at once, and whenever a busy time is over', async () => {
    const clock = new TestClock()
    let times = 0
    const look = async (workMs: number, restMs: number) => {
      const until = performance.now() + workMs
      while (performance.now() < until);
      await pause(restMs)
      await clock.sleeping()
      await clock.advance(5_000)
      return times
    }
    await using _ = giveBackMemoryAtRest({ clock, log: silentLogger }, () => times++)
    assert.equal(await look(0, 200), 1, 'nothing has been done since')
    assert.equal(await look(200, 0), 1, 'it works')
    assert.equal(await look(0, 200), 2)
    assert.equal(await look(0, 200), 2, 'nothing has been done since')
  })
})
