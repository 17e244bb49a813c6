/*
 * A server that says nothing any more: its host lost power, or a firewall forgot the connection. Nobody closes the
 * socket then, and TCP itself gives up after a quarter of an hour. But no statement takes longer than its time-out, so
 * who has been silent for longer than that will not answer.
 *
 * Looking once a second costs a flush no timer of its own.
 */
import type { BatchStatement } from './batch.ts'

/** For the way there and back, and for a server that is busy with ending statements, in milliseconds. */
const GRACE_MS = 5_000
const LOOK_MS = 1_000

/** A flush that waits for its answer. */
export interface Awaited {
  readonly sentMs: number
  readonly untilMs: number
  /** Gives the connection up; the flush fails with `error`. */
  giveUp(error: Error): void
}

/** Gives up what is awaited for too long. */
export class SilenceWatch implements Disposable {
  readonly #awaited = new Set<Awaited>()
  readonly #statementTimeoutMs: number
  readonly #timer: NodeJS.Timeout
  #silentSinceMs = Number.NEGATIVE_INFINITY

  /** @param statementTimeoutMs how long the server lets a statement take; 0: for ever, and then nothing is given up */
  constructor(statementTimeoutMs: number) {
    this.#statementTimeoutMs = statementTimeoutMs
    this.#timer = setInterval(() => this.#look(performance.now()), LOOK_MS)
    this.#timer.unref()
  }

  /**
   * When the newest flush left that was never answered. A connection that was last heard before is not to be trusted.
   */
  get silentSinceMs(): number {
    return this.#silentSinceMs
  }

  /** Awaits the answer to a flush that leaves now, until it is {@link answered}. */
  await(statements: readonly BatchStatement[], giveUp: (error: Error) => void): Awaited {
    const sentMs = performance.now()
    // What frames a transaction has no plan key, and takes no time.
    let working = 0
    for (const { planKey } of statements) if (planKey !== '') working += 1
    const limitMs = this.#statementTimeoutMs * Math.max(1, working) + GRACE_MS
    const untilMs = this.#statementTimeoutMs === 0 ? Number.POSITIVE_INFINITY : sentMs + limitMs
    const awaited = { sentMs, untilMs, giveUp }
    this.#awaited.add(awaited)
    return awaited
  }

  answered(awaited: Awaited): void {
    this.#awaited.delete(awaited)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(nowMs: number): void {
    for (const awaited of this.#awaited) {
      if (awaited.untilMs > nowMs) continue
      this.#awaited.delete(awaited)
      this.#silentSinceMs = Math.max(this.#silentSinceMs, awaited.sentMs)
      const silentMs = Math.round(nowMs - awaited.sentMs)
      awaited.giveUp(Object.assign(new Error(`the database said nothing for ${silentMs} ms`), { code: 'ETIMEDOUT' }))
    }
  }
}
