/*
 * One answer of server-sent events. It follows several channels in the order of the journal, so that one number says
 * where it stands in all of them: the `id` of the last event. An event that appears in two of its channels is two
 * messages, and only the second one has the id: who is cut off between them gets both again, and none is lost.
 *
 * A stream may begin with the past of the thing that it tells of, out of the journal, and end with the thing.
 */
import type { EventStream, Principal } from '@stoa/http'
import { comparePositions, type Position } from '@stoa/journal'
import { type Clock, errors, isError } from '@stoa/kernel'
import { type Channel, mayFollow } from './channel.ts'
import type { Gate } from './gate.ts'
import type { Guest, Guests } from './guests.ts'
import type { Delivery, Entry } from './history.ts'
import { type Hub, keyOf, type StreamFollower, type Waiting } from './hub.ts'
import type { RealtimeConfig } from './options.ts'
import type { CloseCode } from './protocol.ts'
import type { Place, ResyncReason } from './resume.ts'

/** What all streams share. */
export interface StreamDeps {
  readonly hub: Hub
  readonly gate: Gate
  readonly guests: Guests
  readonly config: RealtimeConfig
  readonly clock: Clock
}

/** What a stream shows. */
export interface StreamRequest {
  readonly channels: readonly Channel[]
  readonly place: Place
  /** What is told before all else: all that the caller has not seen, up to its place. null: where it stands. */
  readonly past: readonly Entry[] | null
  /** Types of events after which nothing follows. */
  readonly until: ReadonlySet<string>
  /** False: what is there, and then the end. */
  readonly follow: boolean
  /** What it needs beside the permissions of its channels. */
  readonly permission: string | null
}

/** Blocks are made once for all streams that show them, and go when their events do. */
const blocks = new WeakMap<Delivery, { readonly middle: string; readonly last: string }>()

/** A client that is connected by server-sent events. */
export class Stream implements Guest, StreamFollower, Waiting {
  readonly sinceMs: number
  slot = ''
  readonly #deps: StreamDeps
  readonly #answer: EventStream
  readonly #channels: ReadonlyMap<string, Channel>
  readonly #follow: boolean
  readonly #until: ReadonlySet<string>
  readonly #permission: string | null
  #principal: Principal
  #position: Position
  #live = false
  #pending: { readonly entry: Entry; readonly delivery: Delivery } | null = null

  constructor(deps: StreamDeps, answer: EventStream, principal: Principal, request: StreamRequest) {
    const { channels, follow, past, permission, place, until } = request
    this.#deps = deps
    this.#answer = answer
    this.#principal = principal
    this.#follow = follow
    this.#until = until
    this.#permission = permission
    this.#channels = new Map(channels.map((channel) => [keyOf(principal.tenant.id, channel.name), channel]))
    this.#position = place.position
    this.sinceMs = deps.clock.now()
    deps.guests.add(this)
    deps.hub.addStream(this, this.#channels.keys())
    answer.onDrain(() => this.pump())
    answer.onClose(() => this.#ended())
    answer.write(`retry: ${Math.round(deps.guests.jitterMs(1_000))}\n\n`)
    if (past === null) this.#begin(place)
    else this.#tell(past, place)
  }

  get principal(): Principal {
    return this.#principal
  }

  get beatMs(): number {
    return this.#deps.config.commentMs
  }

  get bufferedBytes(): number {
    return this.#answer.bufferedBytes
  }

  get live(): boolean {
    return this.#live
  }

  /** An event in one of its channels; more of the same event may follow. */
  offer(entry: Entry, delivery: Delivery): void {
    const again = this.#pending?.entry === entry
    this.#flush(again ? 'middle' : 'last')
    if (!again && this.#live && this.#answer.bufferedBytes >= this.#deps.config.maxBufferBytes) {
      // From the last whole event on, when there is room.
      this.#live = false
      this.#deps.hub.counts.lagged += 1
    } else this.#pending = { entry, delivery }
  }

  settle(): void {
    this.#flush('last')
  }

  pump(): void {
    if (this.#live || this.#answer.closed) return
    const { hub, config } = this.#deps
    const { history } = hub
    if (comparePositions(this.#position, history.end) > 0) {
      if (!this.#follow) {
        this.#answer.end()
        return
      }
      hub.wait(this)
      return
    }
    hub.unwait(this)
    if (!history.covers(this.#position)) {
      this.#resync('too_slow')
      return
    }
    let full = false
    history.walk(this.#position, (entry) => {
      this.#show(entry)
      this.#position = entry.position
      full = this.#answer.bufferedBytes >= config.maxBufferBytes / 2
      return !full
    })
    if (full) return
    this.#position = history.end
    this.#goLive()
  }

  /** A comment keeps proxies from closing it; the id lets a client that has heard nothing for long go on from here. */
  beat(): void {
    if (this.#answer.closed) {
      this.#ended()
      return
    }
    if (this.#answer.bufferedBytes >= this.#deps.config.maxBufferBytes) return
    this.#answer.write(this.#live ? `:\nid: ${this.#deps.hub.history.end}\n\n` : ':\n\n')
  }

  async recheck(): Promise<void> {
    const { gate, guests } = this.#deps
    try {
      this.#principal = await gate.identify(this.#answer.credentials, this.#permission)
    } catch (error) {
      if (isError(error, errors.unauthenticated)) return this.shut('unauthenticated', null)
      if (isError(error, errors.forbidden)) return this.shut('forbidden', null)
      throw error
    }
    guests.ends(this, this.#principal)
    // It cannot lose one channel and keep the others: its position is one for all.
    for (const channel of this.#channels.values()) {
      if (!mayFollow(this.#principal, channel)) return this.shut('forbidden', null)
    }
  }

  shut(code: CloseCode, retryMs: number | null): void {
    if (this.#answer.closed) return
    const retry = retryMs === null ? '' : `retry: ${Math.round(retryMs)}\n`
    this.#answer.end(`${retry}data: ${JSON.stringify({ type: 'close', code })}\n\n`)
    this.#ended()
  }

  #begin({ position, resync }: Place): void {
    this.#say({ type: 'open', position, channels: this.#names() }, position)
    if (resync === null) this.pump()
    else this.#resync(resync)
  }

  /** The place is behind all of the past, so whoever is cut off in it must not come back from there. */
  #tell(past: readonly Entry[], { position, resync }: Place): void {
    if (resync !== null) this.#say({ type: 'resync', channels: this.#names(), reason: resync })
    for (const entry of past) this.#show(entry)
    this.#position = position
    this.pump()
  }

  #names(): string[] {
    return [...this.#channels.values()].map(({ name }) => name)
  }

  #goLive(): void {
    this.#live = true
    if (!this.#follow) this.#answer.end()
  }

  #show(entry: Entry): void {
    for (const delivery of entry.deliveries) if (this.#channels.has(delivery.key)) this.offer(entry, delivery)
    this.#flush('last')
  }

  #resync(reason: ResyncReason): void {
    const { end } = this.#deps.hub.history
    this.#position = end
    this.#deps.hub.counts.resyncs += 1
    this.#say({ type: 'resync', position: end, channels: this.#names(), reason }, end)
    this.#goLive()
  }

  #flush(place: 'middle' | 'last'): void {
    const pending = this.#pending
    if (pending === null) return
    this.#pending = null
    this.#answer.write(blockOf(pending.entry, pending.delivery)[place])
    this.#deps.hub.counts.deliveries += 1
    if (place !== 'last') return
    this.#position = pending.entry.position
    if (this.#until.has(pending.entry.type)) this.#answer.end()
  }

  #say(message: object, id?: Position): void {
    this.#answer.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`)
  }

  #ended(): void {
    this.#live = false
    this.#deps.hub.removeStream(this, this.#channels.keys())
    this.#deps.guests.remove(this)
  }
}

function blockOf({ position }: Entry, delivery: Delivery): { readonly middle: string; readonly last: string } {
  const known = blocks.get(delivery)
  if (known) return known
  const data = `data: {"type":"event","channel":${JSON.stringify(delivery.channel)},"event":${delivery.text}}\n`
  const made = { middle: `${data}\n`, last: `${data}id: ${position}\n\n` }
  blocks.set(delivery, made)
  return made
}
