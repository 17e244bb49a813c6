import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'

/** Options of {@link Resources}. */
export interface ResourcesOptions {
  /**
   * How long one resource may take to close before it is given up, in milliseconds. Longer is kinder to work in flight
   * and holds a shutdown up. At least 1; default 10 000.
   */
  readonly closeTimeoutMs?: number
  /** Measures the deadline. Default: the machine's clock. */
  readonly clock?: Clock
}

interface Entry {
  readonly name: string
  readonly close: () => unknown
  readonly timeoutMs: number
}

/**
 * What a program holds, in the order in which it was opened, closed in the reverse order, one after the other.
 * One that fails or hangs does not keep the others from being closed.
 *
 * @example
 * await using resources = new Resources()
 * const db = resources.use(await openDatabase(), 'database')
 * resources.add('http', () => server.close())
 */
export class Resources implements AsyncDisposable {
  readonly #entries: Entry[] = []
  readonly #timeoutMs: number
  readonly #clock: Clock
  #closing: Promise<readonly Error[]> | null = null

  constructor(options: ResourcesOptions = {}) {
    this.#timeoutMs = checkedTimeout(options.closeTimeoutMs ?? 10_000)
    this.#clock = options.clock ?? systemClock
  }

  /** Whether closing has begun. From then on nothing can be added. */
  get closed(): boolean {
    return this.#closing !== null
  }

  /**
   * Takes charge of a disposable resource, and gives it back.
   *
   * @param name for error messages; default: the name of its class
   * @throws Error when closing has begun; the resource is still the caller's then
   */
  use<T extends AsyncDisposable | Disposable>(resource: T, name: string = resource.constructor?.name ?? 'resource'): T {
    this.add(name, () => {
      if (Symbol.asyncDispose in resource) return resource[Symbol.asyncDispose]()
      return resource[Symbol.dispose]()
    })
    return resource
  }

  /**
   * Adds an action to be done on closing.
   *
   * @param timeoutMs deadline of this one in milliseconds; default: `closeTimeoutMs`
   * @throws Error when closing has begun
   */
  add(name: string, close: () => unknown, timeoutMs: number = this.#timeoutMs): void {
    if (this.#closing) throw new Error(`cannot take charge of '${name}': the resources are closed`)
    this.#entries.push({ name, close, timeoutMs: checkedTimeout(timeoutMs) })
  }

  /**
   * Closes everything, the last opened first. A second call waits for the first one and does nothing else; the errors
   * go to the first caller.
   *
   * @throws AggregateError after all were tried, when some failed or did not close in time
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing) {
      await this.#closing
      return
    }
    const count = this.#entries.length
    this.#closing = this.#closeAll()
    const failures = await this.#closing
    if (failures.length === 0) return
    const reasons = failures.map((failure) => failure.message).join('; ')
    throw new AggregateError(failures, `${failures.length} of ${count} resources did not close cleanly: ${reasons}`)
  }

  async #closeAll(): Promise<readonly Error[]> {
    const failures: Error[] = []
    for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
      try {
        await this.#closeOne(entry)
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause)
        failures.push(new Error(`closing '${entry.name}': ${reason}`, { cause }))
      }
    }
    return failures
  }

  async #closeOne(entry: Entry): Promise<void> {
    const done = new AbortController()
    const closing = (async () => entry.close())()
    // A resource that was given up may still fail later; that must not bring the process down.
    closing.catch(() => {})
    const deadline = this.#clock.sleep(entry.timeoutMs, done.signal).then(
      () => {
        throw new Error(`not closed within ${entry.timeoutMs} ms`)
      },
      () => {},
    )
    try {
      await Promise.race([closing, deadline])
    } finally {
      done.abort()
    }
  }
}

function checkedTimeout(ms: number): number {
  if (!(ms >= 1)) throw new RangeError(`a deadline must be at least 1 ms (got ${ms})`)
  return ms
}
