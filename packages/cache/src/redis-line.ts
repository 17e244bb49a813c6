import type { CacheClock } from './clock.ts'
import { Deadlines } from './deadlines.ts'
import { RedisTimeout } from './errors.ts'
import type { RedisLevelOptions } from './options.ts'
import type { Script } from './redis-scripts.ts'
import type { CacheSignal } from './signals.ts'

/** What the cache needs of a client of Redis or Valkey: one of ioredis (`Redis` or `Cluster`) has it. */
export interface RedisClient {
  /** Sends a command and gives its answer, texts as buffers; rejects with the server's error. */
  callBuffer(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>
}

type LineOptions = Required<Pick<RedisLevelOptions, 'timeoutMs' | 'failures' | 'restMs'>>

/** Redis is being left alone. */
class RedisAway extends Error {
  override readonly name = 'RedisAway'
}

/**
 * The way to Redis: every command has a time limit, and after some failures in a row none is sent for a while. Then one
 * goes first; when it is answered in time all others follow. So a Redis that is gone or slow costs its callers the time
 * limit a few times, and then one caller now and then.
 */
export class RedisLine {
  readonly #client: RedisClient
  readonly #clock: CacheClock
  readonly #observe: (signal: CacheSignal) => void
  readonly #options: LineOptions
  readonly #deadlines: Deadlines
  #failures = 0
  #restsUntil = 0
  #restsSince = 0
  #trying = false

  constructor(client: RedisClient, options: LineOptions, clock: CacheClock, observe: (signal: CacheSignal) => void) {
    this.#client = client
    this.#options = options
    this.#clock = clock
    this.#observe = observe
    this.#deadlines = new Deadlines(clock, options.timeoutMs)
  }

  /** Whether commands are sent. */
  get open(): boolean {
    return this.#failures < this.#options.failures
  }

  /**
   * Runs a script.
   *
   * @param late called with an answer that came after the time limit
   * @throws RedisAway when nothing was sent; RedisTimeout, or what the client rejects with, when something was
   */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | Buffer | number)[],
    late?: (answer: unknown) => void,
  ): Promise<unknown> {
    return this.#within(() => this.#send(script, keys, args), late)
  }

  /** Sends a command. @throws as {@link run} */
  call(command: string, args: readonly string[]): Promise<unknown> {
    return this.#within(() => this.#client.callBuffer(command, ...args))
  }

  async #within(send: () => Promise<unknown>, late?: (answer: unknown) => void): Promise<unknown> {
    if (!this.open) this.#tryOrThrow()
    try {
      const { timeoutMs } = this.#options
      const sent = send()
      const answer = await this.#deadlines.race(sent, () => {
        if (late) sent.then(late, () => undefined)
        return new RedisTimeout(timeoutMs)
      })
      this.#answered()
      return answer
    } catch (error) {
      this.#failed(error)
      throw error
    } finally {
      this.#trying = false
    }
  }

  /** Sends something whose outcome nobody waits for, even while Redis is left alone: there was a sign of life. */
  tell(script: Script, keys: readonly string[], args: readonly (string | Buffer | number)[]): void {
    this.#send(script, keys, args).catch((error: unknown) => this.#observe({ kind: 'redis_failed', error }))
  }

  close(): void {
    this.#deadlines.close()
  }

  /** The server may have forgotten the script: after a restart, a failover or SCRIPT FLUSH. */
  async #send(script: Script, keys: readonly string[], args: readonly (string | Buffer | number)[]): Promise<unknown> {
    try {
      return await this.#client.callBuffer('EVALSHA', script.sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await this.#client.callBuffer('EVAL', script.text, keys.length, ...keys, ...args)
    }
  }

  #tryOrThrow(): void {
    const now = this.#clock.now()
    // A clock that was set back must not make the rest longer.
    const resting = now < this.#restsUntil && now >= this.#restsSince
    if (resting || this.#trying) throw new RedisAway('Redis is left alone for a while')
    this.#trying = true
  }

  #answered(): void {
    if (!this.open) this.#observe({ kind: 'redis_back' })
    this.#failures = 0
  }

  #failed(error: unknown): void {
    this.#observe({ kind: 'redis_failed', error })
    const wasOpen = this.open
    this.#failures++
    if (this.open) return
    this.#restsSince = this.#clock.now()
    this.#restsUntil = this.#restsSince + this.#options.restMs
    if (wasOpen) this.#observe({ kind: 'redis_away' })
  }
}
