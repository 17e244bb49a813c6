/**
 * A point that a test waits for, instead of sleeping until something has probably happened. The code under test takes a
 * callback; the test gives it `signal.fire`. Nothing is recorded before `arm()`, so what happened during the set-up is
 * not taken for what is tested.
 *
 * @example
 * const polled = new TestSignal()
 * await using reader = journal.reader({ name: 'r', onPoll: polled.fire }, handle)
 * polled.arm()
 * await polled.reached()
 */
export class TestSignal<T = void> {
  #armed = false
  #fired: T[] = []
  #waiting: ((value: T) => void)[] = []

  /** From now on each firing counts; those before are forgotten. */
  arm(): void {
    this.#armed = true
    this.#fired = []
  }

  /** Called by the code under test. Does nothing while the signal is not armed. */
  readonly fire = (value: T): void => {
    if (!this.#armed) return
    const waiter = this.#waiting.shift()
    if (waiter) waiter(value)
    else this.#fired.push(value)
  }

  /**
   * The next firing: one that has happened since `arm()`, in order, or the one to come.
   *
   * @param deadlineMs when to give up; default 60,000
   * @throws Error when the signal is not armed, or did not fire in time
   */
  async reached(deadlineMs = 60_000): Promise<T> {
    if (!this.#armed) throw new Error('arm the signal before what fires it is started')
    if (this.#fired.length > 0) return this.#fired.shift() as T
    return await new Promise<T>((resolve, reject) => {
      const waiter = (value: T): void => {
        clearTimeout(timer)
        resolve(value)
      }
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter)
        reject(new Error(`the signal did not fire within ${deadlineMs} ms`))
      }, deadlineMs)
      this.#waiting.push(waiter)
    })
  }
}
