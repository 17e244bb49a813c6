/* All who follow single tasks in this process: how many there may be, one tail of the journal for all, comments, the end. */
import { openEventStream, type RouteReply } from '@stoa/http'
import { comparePositions, type Journal, type JournalEvent, type Position } from '@stoa/journal'
import { type Clock, type Ctx, type Logger, type Repeating, repeat, StoaError, systemClock } from '@stoa/kernel'
import { realtimeErrors } from '@stoa/realtime'
import type { Task } from './contract.ts'
import { isBehind, isFinal, TaskStream } from './task-stream.ts'

/** What streams stand on. */
export interface TaskStreamsDeps {
  readonly journal: Pick<Journal, 'about' | 'hasReached' | 'tail'>
  readonly log: Logger
  readonly clock: Clock
  /** @throws StoaError `job_not_found` */
  task(ctx: Ctx, id: string): Promise<Task>
}

/** How many may be open in a process. */
export interface TaskStreamLimits {
  readonly maxStreams: number
  readonly maxStreamsPerTenant: number
}

/** What a stream is asked for. */
export interface TaskStreamRequest {
  readonly id: string
  /** Where the caller stood. Default: before the first event. */
  readonly lastEventId: string | undefined
  /** False: what has happened, and then the end. */
  readonly follow: boolean
}

const COMMENT_EVERY_MS = 15_000
/** After so long an answer ends, and whoever comes back is asked again who it is. */
const MAX_AGE_MS = 600_000
/** Clocks of processes may differ by so much. */
const SKEW_MS = 3_600_000
/** Those who are sent away come back over so long. */
const SPREAD_MS = 5_000

/** Who follows which task. */
export class TaskStreams implements AsyncDisposable {
  /** Resolves when events come. */
  readonly ready: Promise<unknown>
  readonly #deps: TaskStreamsDeps
  readonly #limits: TaskStreamLimits
  readonly #tail: AsyncDisposable
  readonly #comments: Repeating
  readonly #streams = new Map<string, Set<TaskStream>>()
  readonly #byTenant = new Map<string, number>()
  #size = 0
  #draining = false

  constructor(deps: TaskStreamsDeps, limits: TaskStreamLimits) {
    const { clock, journal, log } = deps
    this.#deps = deps
    this.#limits = limits
    const tail = journal.tail({ name: 'jobs.streams' }, async (events) => this.#dispatch(events))
    this.#tail = tail
    this.ready = tail.ready
    this.#comments = repeat(async () => this.#lookAfter(clock.now()), {
      clock: systemClock,
      everyMs: COMMENT_EVERY_MS,
      onError: (err) => log.error({ err }, 'streams of tasks could not be looked after'),
    })
  }

  /** How many are open. */
  get size(): number {
    return this.#size
  }

  /**
   * Answers with what happens to a task.
   *
   * @returns whether there is anything to tell: not when the caller has seen the task end
   * @throws StoaError `job_not_found`, `too_many_connections`
   */
  async open(ctx: Ctx, reply: RouteReply, { follow, id, lastEventId }: TaskStreamRequest): Promise<boolean> {
    const subject = `task:${id}`
    const stream = this.#add(ctx.tenant.id, subject)
    try {
      const { createdAt } = await this.#deps.task(ctx, id)
      const { place, unknown } = await this.#placeOf(ctx, lastEventId)
      const since = new Date(createdAt.getTime() - SKEW_MS)
      const history = await this.#deps.journal.about(ctx, subject, { since, newestOf: 'task.progress' })
      const past = history.filter((event) => isBehind(event, place))
      // Asked after the history: a task that ends in between is told of by the tail.
      const isOver = isFinal(history.at(-1)) && (await this.#deps.task(ctx, id)).finishedAt !== null
      if (isOver && past.length === 0) {
        stream.stop()
        return false
      }
      const opening = `retry: ${jitterMs()}\n\n${unknown ? RESYNC(subject) : ''}`
      stream.begin(openEventStream(reply), opening, past, later(place, history.at(-1)), follow && !isOver)
      return true
    } catch (error) {
      stream.stop()
      throw error
    }
  }

  /** Sends everybody away, each to come back at another moment, and lets nobody in any more. */
  drain(): void {
    this.#draining = true
    for (const stream of this.#all()) stream.end(`retry: ${jitterMs()}\ndata: {"type":"close","code":"draining"}\n\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain()
    await this.#comments[Symbol.asyncDispose]()
    await this.#tail[Symbol.asyncDispose]()
  }

  #all(): TaskStream[] {
    return [...this.#streams.values()].flatMap((streams) => [...streams])
  }

  #add(tenantId: string, subject: string): TaskStream {
    const { maxStreams, maxStreamsPerTenant } = this.#limits
    const ofTenant = this.#byTenant.get(tenantId) ?? 0
    if (this.#draining || this.#size >= maxStreams || ofTenant >= maxStreamsPerTenant) {
      throw new StoaError(realtimeErrors.too_many_connections, { retryAfterSeconds: jitterMs() / 1_000 })
    }
    const key = `${tenantId} ${subject}`
    const stream = new TaskStream(tenantId, () => this.#remove(key, stream))
    this.#streams.set(key, (this.#streams.get(key) ?? new Set()).add(stream))
    this.#byTenant.set(tenantId, ofTenant + 1)
    this.#size += 1
    return stream
  }

  #remove(key: string, stream: TaskStream): void {
    const streams = this.#streams.get(key)
    if (!streams?.delete(stream)) return
    if (streams.size === 0) this.#streams.delete(key)
    this.#size -= 1
    const left = (this.#byTenant.get(stream.tenantId) ?? 1) - 1
    if (left > 0) this.#byTenant.set(stream.tenantId, left)
    else this.#byTenant.delete(stream.tenantId)
  }

  /** Where the caller stood. Of a place that nobody has given out, it is told so, and everything. */
  async #placeOf(
    ctx: Ctx,
    lastEventId: string | undefined,
  ): Promise<{ readonly place: Position | null; readonly unknown: boolean }> {
    if (lastEventId === undefined || lastEventId === '') return { place: null, unknown: false }
    try {
      const place = lastEventId as Position
      comparePositions(place, place)
      if (await this.#deps.journal.hasReached(ctx, place)) return { place, unknown: false }
    } catch (error) {
      if (!(error instanceof StoaError && error.kind === 'malformed')) throw error
    }
    return { place: null, unknown: true }
  }

  #dispatch(events: readonly JournalEvent[]): void {
    if (this.#size === 0) return
    for (const event of events) {
      for (const stream of this.#streams.get(`${event.tenantId} ${event.subjects[0]}`) ?? []) stream.offer(event)
    }
  }

  #lookAfter(now: number): void {
    for (const stream of this.#all()) {
      if (stream.expiresAtMs <= now) stream.end('data: {"type":"close","code":"unauthenticated"}\n\n')
      else if (stream.ageMs > MAX_AGE_MS) stream.end()
      else stream.comment()
    }
  }
}

function jitterMs(): number {
  return Math.round(1_000 + Math.random() * SPREAD_MS)
}

const RESYNC = (channel: string) =>
  `data: ${JSON.stringify({ type: 'resync', channels: [channel], reason: 'unknown' })}\n\n`

/** The later of where the caller stood and where the history ends. */
function later(place: Position | null, last: JournalEvent | undefined): Position | null {
  if (last === undefined) return place
  return place !== null && comparePositions(place, last.position) > 0 ? place : last.position
}
