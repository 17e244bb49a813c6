/*
 * Time limits of many calls that last about equally long: one timer for all of them, because a timer of its own costs a
 * call more than everything else that is done for it here. Calls wait in the order of their deadlines; those that were
 * answered are passed over.
 */

/** A call with a time limit. */
export interface Timed {
  /** Whether it was answered. */
  readonly done: boolean
  /** The time is over. */
  late(): void
}

interface Waiting {
  readonly call: Timed
  readonly deadlineMs: number
}

/**
 * Calls `late` of those that take too long. In real time: a clock that somebody sets has nothing to do with how long
 * one waits.
 */
export class Deadlines {
  #waiting: Waiting[] = []
  /** Where the first one is: moving all of them each time would cost more than the room. */
  #first = 0
  #timer: NodeJS.Timeout | null = null
  /** When it ends. */
  #looksMs = 0
  /** Calls without an answer. */
  #open = 0

  /** Begins the time of a call. Whoever begins it says when it is {@link finish finished}. */
  add(call: Timed, limitMs: number): void {
    this.#open += 1
    if (this.#open === 1) this.#timer?.ref()
    this.#passOver()
    const nowMs = performance.now()
    const deadlineMs = nowMs + limitMs
    const last = this.#waiting.at(-1)
    if (last !== undefined && last.deadlineMs > deadlineMs) {
      setTimeout(() => soon(call), limitMs)
      return
    }
    this.#waiting.push({ call, deadlineMs })
    if (this.#timer === null || this.#looksMs > deadlineMs) this.#schedule(deadlineMs, nowMs)
  }

  /** A call was answered, or was late. While none is open, the timer keeps no process from ending. */
  finish(): void {
    this.#open -= 1
    if (this.#open === 0) this.#timer?.unref()
  }

  #passOver(): void {
    while (this.#waiting[this.#first]?.call.done) this.#first += 1
    if (this.#first < 64 && this.#first < this.#waiting.length) return
    this.#waiting.splice(0, this.#first)
    this.#first = 0
  }

  #schedule(deadlineMs: number, nowMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#looksMs = deadlineMs
    this.#timer = setTimeout(() => this.#look(), deadlineMs - nowMs)
    if (this.#open === 0) this.#timer.unref()
  }

  #look(): void {
    this.#timer = null
    const nowMs = performance.now()
    for (;;) {
      this.#passOver()
      const next = this.#waiting[this.#first]
      if (next === undefined) return
      if (next.deadlineMs > nowMs) {
        this.#schedule(next.deadlineMs, nowMs)
        return
      }
      this.#first += 1
      soon(next.call)
    }
  }
}

/** When this process was busy, the answer may be there already: the loop reads it before it comes to this. */
function soon(call: Timed): void {
  setImmediate(() => {
    if (!call.done) call.late()
  })
}
