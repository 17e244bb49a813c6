/*
 * Keeps a store that is slow or gone from holding anybody up.
 *
 *   closed ──`failures` calls in a row failed──▶ open ──coolMs──▶ half open ──one call succeeds──▶ closed
 *                                                 ▲                  └──it fails──────────────┐
 *                                                 └───────────────────────────────────────────┘
 *
 * A call that takes longer than its time limit counts as failed. The store may carry it out all the same: then tokens
 * are gone that nobody used, which is the safe side. While the circuit is open the store is not asked; half open, one
 * call at a time tries.
 */

import { Deadlines } from './deadlines.ts'

/** Why the store was not asked, or did not answer in time. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

/** How a guard behaves. */
export interface StoreGuardOptions {
  readonly failures: number
  readonly coolMs: number
  readonly clock: () => number
  readonly onFailure: (error: unknown) => void
  /** Called at the first answer after failures. */
  readonly onBack: () => void
}

/** `open`: the store is not asked. `half open`: one call tries. */
export type CircuitState = 'closed' | 'open' | 'half open'

/** Calls a store, within a time limit and through a circuit breaker. */
export class StoreGuard {
  readonly #options: StoreGuardOptions
  readonly #deadlines = new Deadlines()
  #failed = 0
  #openUntilMs = 0
  #trying = false

  constructor(options: StoreGuardOptions) {
    this.#options = options
  }

  get state(): CircuitState {
    if (this.#failed < this.#options.failures) return 'closed'
    return this.#options.clock() < this.#openUntilMs ? 'open' : 'half open'
  }

  /** Whether a call would be turned away now. */
  get refuses(): boolean {
    if (this.#failed < this.#options.failures) return false
    return this.#trying || this.#options.clock() < this.#openUntilMs
  }

  /** Milliseconds until the store is asked again; at least 1. */
  get retryAfterMs(): number {
    return Math.max(1, Math.ceil(this.#openUntilMs - this.#options.clock()))
  }

  /**
   * Calls the store.
   *
   * @throws RangeError of the store, which is about the call and no failure of the store; StoreUnavailableError when it
   * is not asked or too slow;
   *   whatever else the store throws
   */
  call<T>(ask: () => T | Promise<T>, timeoutMs: number): Promise<T> {
    return new Promise<T>((resolve, reject) => this.ask(ask, timeoutMs, resolve, reject))
  }

  /** {@link call}, for who makes a promise of its own of the answer: every request waits for one of these. */
  ask<T>(
    ask: () => T | Promise<T>,
    timeoutMs: number,
    answered: (answer: T) => void,
    failed: (error: unknown) => void,
  ): void {
    if (this.refuses) {
      failed(new StoreUnavailableError('the store failed, and is not asked for a while'))
      return
    }
    const tries = this.#failed >= this.#options.failures
    if (tries) this.#trying = true
    const end = (error: unknown, failure: boolean): void => {
      call.done = true
      this.#deadlines.finish()
      if (tries) this.#trying = false
      if (failure) this.#fail(error)
    }
    const fail = (error: unknown): void => {
      if (call.done) return
      end(error, !(error instanceof RangeError))
      failed(error)
    }
    const succeed = (answer: T): void => {
      if (call.done) return
      end(null, false)
      if (this.#failed > 0) this.#options.onBack()
      this.#failed = 0
      answered(answer)
    }
    const late = () => fail(new StoreUnavailableError(`the store did not answer within ${Math.ceil(timeoutMs)} ms`))
    const call = { done: false, late }
    this.#deadlines.add(call, Math.max(1, timeoutMs))
    try {
      const answer = ask()
      if (answer instanceof Promise) answer.then(succeed, fail)
      else succeed(answer)
    } catch (error) {
      fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#failed += 1
    if (this.#failed >= this.#options.failures) this.#openUntilMs = this.#options.clock() + this.#options.coolMs
    this.#options.onFailure(error)
  }
}
