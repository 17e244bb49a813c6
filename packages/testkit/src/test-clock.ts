import type { Clock } from '@stoa/kernel'

interface Sleeper {
  readonly due: number
  wake(): void
}

/**
 * A clock that stands still until the test moves it. Whoever sleeps on it wakes when its time has come, in the order in
 * which the times come, and sees the time at which it is due.
 *
 * @example
 * const clock = new TestClock()
 * const done = retry(clock)            // sleeps 1 s
 * await clock.sleeping()               // it does now
 * await clock.advance(1_000)
 * await done
 */
export class TestClock implements Clock {
  #now: number
  #sleepers: Sleeper[] = []
  #watchers: { readonly count: number; resolve(): void }[] = []

  /** @param start milliseconds since 1970; default 2026-01-01T00:00:00Z */
  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#now = start
  }

  now = (): number => this.#now

  sleep = async (ms: number, signal?: AbortSignal | null): Promise<void> => {
    signal?.throwIfAborted()
    if (ms <= 0) return
    await new Promise<void>((resolve, reject) => {
      const sleeper: Sleeper = { due: this.#now + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
          reject(signal.reason)
        },
        { once: true },
      )
      this.#notify()
    })
  }

  /** How many sleep now. */
  get sleepers(): number {
    return this.#sleepers.length
  }

  /** Resolves as soon as at least `count` sleep. Default: 1. */
  async sleeping(count = 1): Promise<void> {
    if (this.#sleepers.length >= count) return
    await new Promise<void>((resolve) => this.#watchers.push({ count, resolve }))
  }

  /**
   * Moves the time forward by `ms`, waking sleepers one due time after the other. What a sleeper does next, as far as
   * it waits for nothing but promises, is done before the time goes on: a loop that sleeps 1 s wakes ten times in 10 s.
   */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms
    for (;;) {
      const due = Math.min(...this.#sleepers.map((sleeper) => sleeper.due))
      if (due > target) break
      this.#now = Math.max(this.#now, due)
      const waking = this.#sleepers.filter((sleeper) => sleeper.due === due)
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.due !== due)
      for (const sleeper of waking) sleeper.wake()
      await settled()
    }
    this.#now = target
    await settled()
  }

  /** Sets the time, backwards too, as somebody does with a machine's clock. Nobody wakes. */
  set(ms: number): void {
    this.#now = ms
  }

  #notify(): void {
    const satisfied = this.#watchers.filter((watcher) => watcher.count <= this.#sleepers.length)
    this.#watchers = this.#watchers.filter((watcher) => !satisfied.includes(watcher))
    for (const watcher of satisfied) watcher.resolve()
  }
}

/** Every promise that can go on by itself has. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
