import { comparePositions, type Position } from '@stoa/journal'
import type { Channel } from './channel.ts'
import { textFrame } from './frame.ts'
import type { ChannelFollower, Hub, SharedFrame, Waiting } from './hub.ts'
import { resyncMessage } from './protocol.ts'
import type { ResyncReason } from './resume.ts'

/** Where frames go. */
export interface FrameOutlet {
  /** Whether it is worth feeding: there is room, and somebody there. */
  readonly hasRoom: boolean
  /** False: there is no room, and nothing was written. */
  send(frame: Buffer): boolean
}

/**
 * One connection in one channel.
 *
 *   live ──no room for a frame──► behind ──has the last event──► live
 *                                   └──what it needs next has left the memory──► resync ──► live
 */
export class Subscription implements ChannelFollower, Waiting {
  readonly key: string
  readonly channel: Channel
  /** Whether it wants to know who comes and goes. */
  readonly wantsPresence: boolean
  readonly #hub: Hub
  readonly #outlet: FrameOutlet
  #live = false
  /** Where it stands while it is not live. */
  #position: Position
  /** What it has to be told before anything else. */
  #untold: ResyncReason | null = null

  constructor(
    hub: Hub,
    outlet: FrameOutlet,
    followed: {
      readonly key: string
      readonly channel: Channel
      readonly position: Position
      readonly wantsPresence: boolean
    },
  ) {
    const { channel, key, position, wantsPresence } = followed
    this.#hub = hub
    this.#outlet = outlet
    this.key = key
    this.channel = channel
    this.wantsPresence = wantsPresence
    this.#position = position
    hub.add(this)
  }

  /** Whether it has everything that the process knows of. */
  get live(): boolean {
    return this.#live
  }

  end(): void {
    this.#live = false
    this.#hub.remove(this)
  }

  deliver({ before, bytes, events }: SharedFrame): void {
    if (this.#outlet.send(bytes)) {
      this.#hub.counts.deliveries += events
      return
    }
    this.#live = false
    this.#position = before
    this.#hub.counts.lagged += 1
  }

  /** Who came and went. Who has no room for it asks for the members again. */
  notice(frame: Buffer): void {
    if (this.wantsPresence) this.#outlet.send(frame)
  }

  /** Feeds it out of memory, as far as there is room. Call it again when there is. */
  pump(): void {
    const { history } = this.#hub
    // Another node had come further than this one.
    if (comparePositions(this.#position, history.end) > 0) {
      this.#hub.wait(this)
      return
    }
    this.#hub.unwait(this)
    while (!this.#live && this.#outlet.hasRoom) {
      if (this.#untold !== null) {
        this.resync(this.#untold)
        return
      }
      if (!history.covers(this.#position)) {
        this.resync('too_slow')
        return
      }
      const { frame, last, texts, to } = this.#hub.replay(this.key, this.channel.name, this.#position)
      if (frame !== null && !this.#outlet.send(frame)) return
      this.#hub.counts.deliveries += texts.length
      this.#position = to
      this.#live = last
    }
  }

  /** Goes on from now, and says so. */
  resync(reason: ResyncReason): void {
    const { end } = this.#hub.history
    this.#position = end
    this.#untold = reason
    if (!this.#outlet.send(textFrame(resyncMessage(this.channel.name, end, reason)))) return
    this.#untold = null
    this.#hub.counts.resyncs += 1
    this.#live = true
  }
}
