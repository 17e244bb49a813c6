import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { eventually, inTime } from '@stoa/testkit'
import { type Bench, Seen, setup } from './setup.ts'

const ROUNDS = 5

function startHolder(url: string): {
  readonly child: ChildProcess
  readonly numbers: number[]
  got(n: number): Promise<void>
} {
  const child = fork(new URL('./crashing-reader.ts', import.meta.url), [url], { execArgv: [] })
  const numbers: number[] = []
  let look: () => void = () => undefined
  child.on('message', (given) => {
    numbers.push(...(given as number[]))
    look()
  })
  const got = (n: number) => {
    const given = new Promise<void>((resolve, reject) => {
      look = () => {
        if (numbers.includes(n)) resolve()
      }
      look()
      child.once('exit', (code) => reject(new Error(`the holder ended with ${code} before it was given ${n}`)))
    })
    return inTime(given, `event ${n} for the holder`)
  }
  return { child, numbers, got }
}

const endLeases = (bench: Bench, after: string) =>
  bench.db.admin((session) =>
    session.exec(`update stoa.journal_readers set lease_until = clock_timestamp() + interval '${after}'`),
  )

describe('a holder that crashes (postgres)', () => {
  it('another process takes over when the lease has ended; nothing is lost, only the unsaved is repeated', async () => {
    await using bench = await setup('postgres')
    const holder = startHolder(bench.url ?? '')
    try {
      await bench.append(1, 2, 3)
      await holder.got(3)
      // Let it save: what it saved will not be repeated.
      const saved = async () => (await bench.journal.readers(bench.system))[0]?.position
      const last = (await bench.readAll(3)).at(-1)?.position
      await eventually(saved, (position) => position === last)

      const seen = new Seen()
      await using _standby = bench.journal.reader({ name: 'r', from: 'start', leaseMs: 600 }, seen.take)
      await bench.append(4)
      await holder.got(4)
      assert.deepEqual(seen.numbers, [], 'while the holder lives the standby has nothing')
      holder.child.kill('SIGKILL')
      await once(holder.child, 'exit')
      await bench.append(5, 6)
      // Its lease was long, so that a slow machine did not end it early; now the end is near.
      await endLeases(bench, '300 ms')
      await seen.until((s) => s.numbers.includes(6))
      const fresh = seen.numbers.filter((n) => n !== 4)
      assert.deepEqual(fresh, [5, 6], 'only the event that may not have been saved can come twice')
      const acquired = bench.observed.all.find((signal) => signal.kind === 'acquired')
      assert.equal(acquired?.kind === 'acquired' && acquired.fence, 2)
    } finally {
      holder.child.kill('SIGKILL')
    }
  })

  it('killed five times in the middle of traffic, the reader misses nothing', async () => {
    await using bench = await setup('postgres')
    const given = new Set<number>()
    for (let round = 0; round < ROUNDS; round++) {
      const holder = startHolder(bench.url ?? '')
      await bench.append(round * 10, round * 10 + 1, round * 10 + 2)
      await holder.got(round * 10 + Math.floor(Math.random() * 3))
      holder.child.kill('SIGKILL')
      await once(holder.child, 'exit')
      // The next holder need not wait for the lease: that wait has its own test.
      await endLeases(bench, '0 ms')
      for (const n of holder.numbers) given.add(n)
    }
    const rest = new Seen()
    await using _last = bench.journal.reader({ name: 'r', from: 'start' }, rest.take)
    await bench.append(999)
    await rest.until((s) => s.numbers.includes(999))
    for (const n of rest.numbers) given.add(n)
    const expected = Array.from({ length: ROUNDS }, (_, round) => [0, 1, 2].map((k) => round * 10 + k)).flat()
    assert.deepEqual(
      [...given].sort((a, b) => a - b),
      [...expected, 999],
    )
  })
})
