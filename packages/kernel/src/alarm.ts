import type { Clock } from './clock.ts'

/** Why a sleep ends that nobody needs any more. Without a reason, one with a stack would be made for each. */
const AWAKE = 'awake'

/** Wakes one waiting loop. A ring that comes while the loop is busy is kept, however often it rings. */
export class Alarm {
  #rung = false
  #wake: (() => void) | null = null

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Forgets what rang so far: call it before looking, so that what rings while looking is not lost. */
  reset(): void {
    this.#rung = false
  }

  /** Resolves at the next ring (at once if one was kept), or after `ms` milliseconds of `clock`. Never rejects. */
  async wait(clock: Clock, ms: number): Promise<void> {
    if (!this.#rung) {
      const over = new AbortController()
      const rung = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await Promise.race([rung, clock.sleep(ms, over.signal).catch(() => undefined)])
      this.#wake = null
      over.abort(AWAKE)
    }
    this.#rung = false
  }
}
