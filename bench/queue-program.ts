// A queue that is measured, in a process of its own: it enqueues, works, and says how long that took.

import { answer } from './process.ts'
import { type Contender, type ContenderName, type Input, type Lane, openContender } from './queue-contenders.ts'

/** How long, and how many. */
export interface Timed {
  readonly seconds: number
  readonly count: number
}

const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n)
let contender: Contender | null = null
let working: AsyncDisposable | null = null
let delays: number[] = []

const opened = (): Contender => {
  if (!contender) throw new Error('open it first')
  return contender
}

answer({
  async open({ name, url }: { name: ContenderName; url: string }) {
    contender = await openContender(name, url)
  },
  async fill({ count, lane }: { count: number; lane?: Lane }): Promise<Timed> {
    const inputs = Array.from({ length: count }, (): Input => ({ at: 0 }))
    return timed(count, () => opened().fill(inputs, lane))
  },
  /** Runs everything that is there, which is so many. */
  async drain({ count }: { count: number }): Promise<Timed> {
    const over = Promise.withResolvers<void>()
    let ran = 0
    return timed(count, async () => {
      const worker = await opened().work(() => {
        if (++ran === count) over.resolve()
      })
      await over.promise
      await worker[Symbol.asyncDispose]()
    })
  },
  /** So many callers, each enqueuing its next one when the one before is acknowledged. */
  async enqueueFor({ callers, seconds }: { callers: number; seconds: number }): Promise<Timed> {
    const until = performance.now() + seconds * 1_000
    let count = 0
    const began = performance.now()
    const call = async () => {
      while (performance.now() < until) {
        await opened().enqueue({ at: 0 })
        count++
      }
    }
    await Promise.all(Array.from({ length: callers }, call))
    return { count, seconds: (performance.now() - began) / 1_000 }
  },
  /** So many a second, in even steps. */
  async enqueueSteadily({ rate, seconds, lane }: { rate: number; seconds: number; lane?: Lane }): Promise<number> {
    const began = performance.now()
    const count = rate * seconds
    const sent: Promise<unknown>[] = []
    for (let n = 0; n < count; n++) {
      const wait = began + (n * 1_000) / rate - performance.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      sent.push(opened().enqueue({ at: nowUs() }, lane))
    }
    await Promise.all(sent)
    return count
  },
  /** Begins to work, and notes how long each job had waited. */
  async work() {
    delays = []
    working = await opened().work(({ at }) => {
      if (at > 0) delays.push(nowUs() - at)
    })
  },
  /** Waits, not for long, until so many have started; stops working. Gives the delays in µs. */
  async delays({ count }: { count: number }): Promise<readonly number[]> {
    for (let waits = 0; delays.length < count && waits < 500; waits++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    await working?.[Symbol.asyncDispose]()
    working = null
    return delays
  },
  async close() {
    await contender?.[Symbol.asyncDispose]()
    contender = null
  },
})

async function timed(count: number, run: () => Promise<void>): Promise<Timed> {
  const began = performance.now()
  await run()
  return { count, seconds: (performance.now() - began) / 1_000 }
}
