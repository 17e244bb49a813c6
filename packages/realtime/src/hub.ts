/*
 * The middle of it: one tail of the journal per process, and everybody who follows a channel.
 *
 *   journal ─tail─► events in order ─► the channels where each appears ─► memory (history)
 *                                                      │
 *             per channel, once: one frame ────────────┼──► every subscription of the channel that is live
 *             per event, once: one block ──────────────┴──► every stream that follows the channel and is live
 *
 * Who is not live (it comes back from a position, or reads too slowly) is not waited for: it is fed out of memory at its
 * own pace and joins the others when it has the last event. All of this happens between two awaits, so nothing can come
 * between the last event of the past and the first one of the present.
 */
import type { Journal, JournalEvent, Position, Tail } from '@stoa/journal'
import type { Clock } from '@stoa/kernel'
import { type BaseCtx, type Logger, systemCtx } from '@stoa/kernel'
import type { Channels } from './channel.ts'
import { textFrame } from './frame.ts'
import { type Chunk, type Delivery, type Entry, History, type HistoryLimits } from './history.ts'
import { eventsMessage } from './protocol.ts'
import { type Place, Resume, type Standing } from './resume.ts'

/** One frame for all subscriptions of a channel. */
export interface SharedFrame {
  readonly bytes: Buffer
  /** Where a subscription stands that has not got it. */
  readonly before: Position
  readonly events: number
}

/** Somebody who follows one channel by frames. */
export interface ChannelFollower {
  readonly key: string
  readonly live: boolean
  deliver(frame: SharedFrame): void
  /** Something that is no event: nobody is told of it later. */
  notice(frame: Buffer): void
}

/** Somebody who follows several channels in the order of the journal. */
export interface StreamFollower {
  readonly live: boolean
  offer(entry: Entry, delivery: Delivery): void
  /** That was all for now. */
  settle(): void
}

/** Somebody who waits for the tail to come to where they stand. */
export interface Waiting {
  pump(): void
}

/** What happened in this process since it began. */
export interface HubCounts {
  /** Events that were written to a connection. */
  deliveries: number
  resyncs: number
  /** Times that somebody read too slowly and was fed out of memory from then on. */
  lagged: number
}

/** What a hub stands on. */
export interface HubDeps {
  readonly journal: Pick<Journal, 'tail' | 'readBack' | 'hasReached'>
  readonly channels: Channels
  readonly log: Logger
  readonly clock: Clock
}

/** How far back somebody may go. */
type HubLimits = HistoryLimits & { readonly resumeEvents: number }

/** Events of one frame, in bytes: a burst goes out in several. */
const FRAME_BYTES = 64 * 1024

/** The tail, its memory, and who follows. */
export class Hub implements AsyncDisposable {
  readonly counts: HubCounts = { deliveries: 0, resyncs: 0, lagged: 0 }
  readonly #deps: HubDeps
  readonly #limits: HubLimits
  readonly #ctx: BaseCtx
  /** Resolves when there is a history. */
  readonly #ready = Promise.withResolvers<void>()
  #tail: Tail | null = null
  readonly #subscribers = new Map<string, Set<ChannelFollower>>()
  readonly #streams = new Map<string, Set<StreamFollower>>()
  readonly #waiting = new Set<Waiting>()
  #history: History | null = null
  #resume: Resume | null = null
  #tick: { readonly end: Position; readonly frame: Buffer } | null = null
  /** What several who come back are given alike. Forgotten at each tick. */
  readonly #chunks = new Map<string, Chunk & { readonly frame: Buffer | null }>()

  constructor(deps: HubDeps, limits: HubLimits) {
    this.#deps = deps
    this.#limits = limits
    this.#ctx = systemCtx(deps, 'realtime')
  }

  /** Begins to follow the journal. Resolves when events come: from then on there is a history. */
  async open(): Promise<void> {
    const { journal } = this.#deps
    this.#tail = journal.tail({ name: 'realtime' }, async (events) => {
      await this.#ready.promise
      this.#dispatch(events)
    })
    const place = await this.#tail.ready
    if (place !== null) this.#remember(place)
    this.#ready.resolve()
  }

  #remember(place: Position): void {
    const { journal } = this.#deps
    const history = new History(place, this.#limits)
    this.#history = history
    const entryOf = (event: JournalEvent) => this.entryOf(event)
    const { resumeEvents } = this.#limits
    this.#resume = new Resume({ journal, ctx: this.#ctx, history, entryOf, resumeEvents })
  }

  get isReady(): boolean {
    return this.#history !== null
  }

  /** The events in memory. Wait for `open` first. */
  get history(): History {
    if (this.#history === null) throw new Error('the hub is not ready')
    return this.#history
  }

  /** Where somebody goes on who stood at a position. */
  async place(position: string | undefined): Promise<Place> {
    return await (await this.#resuming()).place(position)
  }

  /** Where somebody stands who is told the past of a thing. */
  async standing(position: string | undefined): Promise<Standing> {
    return await (await this.#resuming()).standing(position)
  }

  async #resuming(): Promise<Resume> {
    await this.#ready.promise
    if (this.#resume === null) throw new Error('the hub is closed')
    return this.#resume
  }

  /** How far everything has come, for those who have had nothing for a while: the same frame for all. */
  get tick(): Buffer {
    const { end } = this.history
    if (this.#tick?.end !== end) this.#tick = { end, frame: textFrame(JSON.stringify({ type: 'tick', position: end })) }
    return this.#tick.frame
  }

  /** How many channels somebody follows here, and how many times. */
  get followed(): { readonly channels: number; readonly subscriptions: number } {
    const sets = [...this.#subscribers.values(), ...this.#streams.values()]
    return { channels: sets.length, subscriptions: sets.reduce((sum, { size }) => sum + size, 0) }
  }

  /** Follows a channel, in order, from the next event on. */
  add(follower: ChannelFollower): void {
    addTo(this.#subscribers, follower.key, follower)
  }

  remove(follower: ChannelFollower & Waiting): void {
    removeFrom(this.#subscribers, follower.key, follower)
    this.#waiting.delete(follower)
  }

  /** Tells all who follow a channel of what is no event. */
  notice(key: string, message: string): void {
    const followers = this.#subscribers.get(key)
    if (followers === undefined) return
    const frame = textFrame(message)
    for (const follower of followers) follower.notice(frame)
  }

  addStream(follower: StreamFollower, keys: Iterable<string>): void {
    for (const key of keys) addTo(this.#streams, key, follower)
  }

  removeStream(follower: StreamFollower & Waiting, keys: Iterable<string>): void {
    for (const key of keys) removeFrom(this.#streams, key, follower)
    this.#waiting.delete(follower)
  }

  /** Pumps after every tick from now on. */
  wait(waiting: Waiting): void {
    this.#waiting.add(waiting)
  }

  /** No more. */
  unwait(waiting: Waiting): void {
    this.#waiting.delete(waiting)
  }

  /** What comes behind a position in a channel, with its frame; null frame: nothing. */
  replay(key: string, channel: string, position: Position): Chunk & { readonly frame: Buffer | null } {
    const name = `${position} ${key}`
    const known = this.#chunks.get(name)
    if (known) return known
    const chunk = this.history.chunk(key, position, FRAME_BYTES)
    const made = { ...chunk, frame: chunk.texts.length > 0 ? textFrame(eventsMessage(channel, chunk.texts)) : null }
    if (this.#chunks.size < REMEMBERED_CHUNKS) this.#chunks.set(name, made)
    return made
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail?.[Symbol.asyncDispose]()
    this.#ready.resolve()
  }

  #dispatch(events: readonly JournalEvent[]): void {
    const last = events.at(-1)
    if (last === undefined || this.#history === null) return
    const history = this.#history
    const before = history.end
    const entries = events.map((event) => this.entryOf(event)).filter(({ deliveries }) => deliveries.length > 0)
    history.append(entries, last.position)
    this.#chunks.clear()
    this.#broadcast(entries, before)
    this.#stream(entries)
    for (const waiting of [...this.#waiting]) waiting.pump()
  }

  /** One frame per channel, the same bytes for all. */
  #broadcast(entries: readonly Entry[], before: Position): void {
    for (const [key, parts] of partsOf(entries, (key) => this.#subscribers.has(key))) {
      const followers = this.#subscribers.get(key)
      if (followers === undefined) continue
      for (const frame of framesOf(parts, before)) {
        for (const follower of followers) if (follower.live) follower.deliver(frame)
      }
    }
  }

  #stream(entries: readonly Entry[]): void {
    if (this.#streams.size === 0) return
    const touched = new Set<StreamFollower>()
    for (const entry of entries) {
      for (const delivery of entry.deliveries) {
        for (const follower of this.#streams.get(delivery.key) ?? []) {
          if (!follower.live) continue
          touched.add(follower)
          follower.offer(entry, delivery)
        }
      }
    }
    for (const follower of touched) follower.settle()
  }

  /** An event in its channels. What a module gets wrong costs its event there, and nobody else. */
  entryOf(event: JournalEvent): Entry {
    const { position, tenantId, type, version, subjects, at } = event
    try {
      const deliveries = this.#deps.channels.of(event).map(({ channel, kind }) => {
        const data = kind.payload?.(event, channel) ?? event.data
        const text = JSON.stringify({ position, type, version, subjects, at, data })
        return { key: keyOf(tenantId, channel), channel, text }
      })
      return { position, type, deliveries }
    } catch (err) {
      this.#deps.log.error({ err, type, position }, 'an event could not be shown in its channels')
      return { position, type, deliveries: [] }
    }
  }
}

const REMEMBERED_CHUNKS = 256

/** The channel of a key. */
export function channelOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1)
}

/** A channel of a tenant. */
export function keyOf(tenantId: string, channel: string): string {
  return `${tenantId} ${channel}`
}

interface Part {
  readonly position: Position
  readonly delivery: Delivery
}

function partsOf(entries: readonly Entry[], wanted: (key: string) => boolean): Map<string, Part[]> {
  const byKey = new Map<string, Part[]>()
  for (const { deliveries, position } of entries) {
    for (const delivery of deliveries) {
      if (!wanted(delivery.key)) continue
      const parts = byKey.get(delivery.key)
      if (parts) parts.push({ position, delivery })
      else byKey.set(delivery.key, [{ position, delivery }])
    }
  }
  return byKey
}

function* framesOf(parts: readonly Part[], before: Position): Generator<SharedFrame> {
  let from = before
  let texts: string[] = []
  let bytes = 0
  for (const [index, { delivery, position }] of parts.entries()) {
    texts.push(delivery.text)
    bytes += delivery.text.length
    if (bytes < FRAME_BYTES && index < parts.length - 1) continue
    yield { bytes: textFrame(eventsMessage(delivery.channel, texts)), before: from, events: texts.length }
    from = position
    texts = []
    bytes = 0
  }
}

function addTo<T>(sets: Map<string, Set<T>>, key: string, item: T): void {
  const set = sets.get(key)
  if (set) set.add(item)
  else sets.set(key, new Set([item]))
}

function removeFrom<T>(sets: Map<string, Set<T>>, key: string, item: T): void {
  const set = sets.get(key)
  if (set?.delete(item) && set.size === 0) sets.delete(key)
}
