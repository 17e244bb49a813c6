/**
 * Clicks on their way to the database. A redirect only appends to an array; everything else happens behind its back.
 *
 *   record ──▶ waiting ──(flushMs after the first, or batch reached)──▶ one transaction per tenant ──▶ recorded
 *                 ▲                                                            │
 *                 └──────────── put back, pause 0.1 s … 5 s ◀── failed ────────┘
 *
 * Bounds. `waiting` and what is being written hold at most `buffer` clicks together; beyond that a click is dropped and
 * counted, and the redirect is as fast as ever. While the database is away the clicks stay, up to that bound. A tenant
 * whose clicks are refused for another reason gets {@link ATTEMPTS} attempts, then they are dropped and counted, so
 * that one bad batch cannot hold up the rest for ever.
 *
 * Each click has an id from the start and is written with "on conflict do nothing": a transaction whose outcome was
 * lost with the connection is simply tried again, and nothing is counted twice.
 *
 * A crash loses what waits and what is being written: `flushMs` worth of clicks as long as the database keeps up. Closing
 * writes everything first.
 */
import { type Clock, type Logger, StoaError, type Tenant } from '@stoa/kernel'
import type { Agent } from '../analytics/visitor-agent.ts'

/** One visit that was redirected. What of it is written: see click-details.ts. */
export interface Click {
  /** Counts the clicks of this process, modulo 2³²: with the time and what is the process's own it is the id. */
  readonly number: number
  readonly tenant: Tenant
  /** Id of the link, as bytes. */
  readonly link: Buffer
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly agent: Agent
  /** Host of the page that held the link, in lower case; null when the browser did not say. */
  readonly referrerHost: string | null
  /** The first one that the visitor reads: `pt`. */
  readonly language: string | null
  /** Where the visitor is; null when he asks not to be followed. It is never written. */
  readonly address: string | null
}

/** What {@link Clicks} works with. */
export interface ClicksOptions {
  /** How many clicks may be held in memory. */
  readonly buffer: number
  /** How long a click waits for others, in milliseconds. */
  readonly flushMs: number
  /** How many waiting clicks start a write at once. */
  readonly batch: number
  readonly clock: Clock
  readonly log: Logger
  /** Writes clicks of one tenant in one transaction. Must bear being called again with the same clicks. */
  readonly write: (tenant: Tenant, clicks: readonly Click[]) => Promise<void>
}

/** What has become of the clicks of this process so far. */
export interface ClickCounts {
  readonly recorded: number
  readonly dropped: number
  readonly waiting: number
  /** When a click was dropped last, in milliseconds since the epoch; null when none was. */
  readonly droppedAt: number | null
}

/** Most clicks in one transaction: keeps a write after a long pause short. */
const WRITE_MAX = 20_000
/** How often clicks are tried that the database refuses although it is there. */
const ATTEMPTS = 5
const PAUSE_MIN_MS = 100
const PAUSE_MAX_MS = 5_000
/** At most one line in the log about drops in this time. */
const COMPLAINT_MS = 10_000

/** The clicks of this process that are not written yet. */
export class Clicks implements AsyncDisposable {
  readonly #options: ClicksOptions
  readonly #refusals = new Map<string, number>()
  #waiting: Click[] = []
  #writing = 0
  #recorded = 0
  #dropped = 0
  #droppedAt: number | null = null
  #complainedAt = Number.NEGATIVE_INFINITY
  #droppedSinceComplaint = 0
  #run: Promise<void> | null = null
  #nap: AbortController | null = null
  #pauseMs = 0
  #closing = false

  constructor(options: ClicksOptions) {
    this.#options = options
  }

  get counts(): ClickCounts {
    return {
      recorded: this.#recorded,
      dropped: this.#dropped,
      waiting: this.#waiting.length + this.#writing,
      droppedAt: this.#droppedAt,
    }
  }

  /** Takes a click in; never waits, never throws. */
  record(click: Click): void {
    if (this.#closing || this.#waiting.length + this.#writing >= this.#options.buffer) {
      this.#drop(1)
      return
    }
    this.#waiting.push(click)
    if (this.#run === null) this.#run = this.#work()
    else if (this.#pauseMs === 0 && this.#waiting.length >= this.#options.batch) this.#nap?.abort()
  }

  /** Writes what waits and then accepts no more. What the database does not take now is dropped and counted. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    this.#nap?.abort()
    await this.#run
    if (this.#dropped > 0) this.#complain()
  }

  /** Runs from the first waiting click until none is left. */
  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (!this.#closing) await this.#sleep()
      const failed = await this.#flush()
      this.#pauseMs = failed ? Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, this.#pauseMs * 2)) : 0
      if (failed && this.#closing) this.#drop(this.#waiting.splice(0).length)
    }
    this.#run = null
  }

  /**
   * After a failure: the pause, whatever arrives meanwhile. Else the time in which clicks gather, unless there are
   * enough.
   */
  async #sleep(): Promise<void> {
    const { clock, flushMs, batch } = this.#options
    if (this.#pauseMs === 0 && this.#waiting.length >= batch) return
    this.#nap = new AbortController()
    await clock.sleep(this.#pauseMs || flushMs, this.#nap.signal).catch(() => {})
    this.#nap = null
  }

  /** Writes one round, tenant by tenant; true when some of it has to be tried again. */
  async #flush(): Promise<boolean> {
    const round = this.#waiting.splice(0, WRITE_MAX)
    this.#writing = round.length
    const again: Click[] = []
    for (const clicks of byTenant(round)) {
      if (!(await this.#write(clicks))) again.push(...clicks)
      else this.#writing -= clicks.length
    }
    this.#writing = 0
    if (again.length === 0) return false
    this.#waiting = again.concat(this.#waiting)
    return true
  }

  /** True when the clicks are settled: recorded, or dropped for good. */
  async #write(clicks: readonly [Click, ...Click[]]): Promise<boolean> {
    const { tenant } = clicks[0]
    try {
      await this.#options.write(tenant, clicks)
      this.#refusals.delete(tenant.id)
      this.#recorded += clicks.length
      return true
    } catch (cause) {
      const { log } = this.#options
      log.warn({ err: cause, tenant: tenant.slug, clicks: clicks.length }, 'clicks could not be written')
      if (cause instanceof StoaError && cause.retryable) return false
      const refusals = (this.#refusals.get(tenant.id) ?? 0) + 1
      this.#refusals.set(tenant.id, refusals)
      if (refusals < ATTEMPTS) return false
      this.#refusals.delete(tenant.id)
      this.#drop(clicks.length)
      return true
    }
  }

  #drop(count: number): void {
    this.#dropped += count
    this.#droppedSinceComplaint += count
    const now = this.#options.clock.now()
    this.#droppedAt = now
    if (now - this.#complainedAt < COMPLAINT_MS) return
    this.#complainedAt = now
    this.#complain()
  }

  #complain(): void {
    if (this.#droppedSinceComplaint === 0) return
    this.#options.log.error({ dropped: this.#droppedSinceComplaint, droppedInAll: this.#dropped }, 'clicks dropped')
    this.#droppedSinceComplaint = 0
  }
}

function byTenant(clicks: readonly Click[]): Iterable<[Click, ...Click[]]> {
  const groups = new Map<string, [Click, ...Click[]]>()
  let last = ''
  let group: [Click, ...Click[]] | undefined
  for (const click of clicks) {
    const { id } = click.tenant
    // Many of one tenant come one after the other.
    if (id !== last) group = groups.get(id)
    last = id
    if (group === undefined) {
      group = [click]
      groups.set(id, group)
    } else group.push(click)
  }
  return groups.values()
}
