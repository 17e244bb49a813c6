/*
 * Load shedding. A server that takes more than it can do fails for everyone; one that says "not now" early stays fast
 * for the others. Three signs, each with its own limit: requests being handled (exact, at once), the delay of the event
 * loop, and memory (both sampled).
 *
 * The delay is the mean over one sample, so that a single long pause (a garbage collection, one heavy query of the
 * embedded database) does not shed, and a loop that is late at every turn does.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { errors, StoaError } from '@stoa/kernel'

/** What is measured. */
export interface LoadSample {
  /** Mean delay of the event loop since the last sample, in milliseconds. */
  readonly eventLoopDelayMs: number
  readonly heapUsedBytes: number
  readonly rssBytes: number
}

/** Limits; 0 switches one off. */
export interface LoadLimits {
  readonly maxConcurrentRequests: number
  readonly maxEventLoopDelayMs: number
  readonly maxHeapUsedBytes: number
  readonly maxRssBytes: number
}

/** How often the event loop and the memory are looked at, in milliseconds. */
const SAMPLE_INTERVAL_MS = 250

/** Watches the load of the process. */
export class LoadGuard implements Disposable {
  /** Requests in their handlers now. */
  running = 0
  readonly #limits: LoadLimits
  readonly #measure: () => LoadSample
  readonly #timer: NodeJS.Timeout
  readonly #close: () => void
  #reason: string | null = null

  /** @param measure replaces the measuring of this process */
  constructor(limits: LoadLimits, measure?: () => LoadSample) {
    this.#limits = limits
    const monitor = measure ? null : monitorEventLoopDelay({ resolution: 10 })
    monitor?.enable()
    this.#measure = measure ?? (() => measureProcess(monitor as DelayMonitor))
    this.#close = () => monitor?.disable()
    this.#timer = setInterval(() => this.sample(), SAMPLE_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Takes a sample now. */
  sample(): void {
    const { eventLoopDelayMs, heapUsedBytes, rssBytes } = this.#measure()
    const over = (value: number, limit: number) => limit > 0 && value > limit
    if (over(eventLoopDelayMs, this.#limits.maxEventLoopDelayMs)) this.#reason = 'event_loop_delay'
    else if (over(heapUsedBytes, this.#limits.maxHeapUsedBytes)) this.#reason = 'heap_used'
    else if (over(rssBytes, this.#limits.maxRssBytes)) this.#reason = 'rss'
    else this.#reason = null
  }

  /** Why new work is refused now; null when it is not. */
  get overloaded(): string | null {
    const most = this.#limits.maxConcurrentRequests
    if (most > 0 && this.running >= most) return 'concurrent_requests'
    return this.#reason
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#close()
  }
}

/** The refusal of an overloaded server. */
export function overloadedError(reason: string): StoaError {
  return new StoaError(errors.overloaded, { context: { reason }, retryAfterSeconds: 2 })
}

type DelayMonitor = ReturnType<typeof monitorEventLoopDelay>

function measureProcess(monitor: DelayMonitor): LoadSample {
  // The monitor counts its own resolution as delay, and its mean is NaN when nothing was measured.
  const mean = monitor.count > 0 ? monitor.mean / 1e6 - 10 : 0
  monitor.reset()
  const { heapUsed, rss } = process.memoryUsage()
  return { eventLoopDelayMs: Math.max(0, mean), heapUsedBytes: heapUsed, rssBytes: rss }
}
