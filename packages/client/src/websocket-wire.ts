import type { Position } from './position.ts'
import { type ChannelEvent, endingOf, RealtimeError, type Wire, type WireListener, type WireOptions } from './wire.ts'

/** In silence of so many pings the other side counts as gone. */
const SILENT_PINGS = 2
const PING_MS = 25_000

/** What the server says. */
type Message =
  | { readonly type: 'welcome'; readonly pingMs: number }
  | { readonly type: 'subscribed'; readonly channel: string; readonly position: Position }
  | { readonly type: 'unsubscribed'; readonly channel: string; readonly code?: string }
  | { readonly type: 'events'; readonly channel: string; readonly events: readonly ChannelEvent[] }
  | { readonly type: 'resync'; readonly channel: string; readonly position: Position; readonly reason: string }
  | { readonly type: 'tick'; readonly position: Position }
  | { readonly type: 'members'; readonly channel: string; readonly members: readonly string[] }
  | {
      readonly type: 'presence'
      readonly channel: string
      readonly joined: readonly string[]
      readonly left: readonly string[]
    }
  | { readonly type: 'accepted'; readonly id: number }
  | Refusal

/** Of what we said with this number. */
interface Refusal {
  readonly type: 'error'
  readonly id: number
  readonly code: string
  readonly message: string
}

/** A connection by WebSocket. A browser cannot add a header to one, so the first message says who we are. */
export function openWebSocketWire(options: WireOptions, Socket: typeof WebSocket = WebSocket): Wire {
  return new WebSocketWire(options, Socket)
}

class WebSocketWire implements Wire {
  readonly #listener: WireListener
  readonly #socket: WebSocket
  readonly #asked = new Map<number, string>()
  readonly #said = new Map<number, PromiseWithResolvers<void>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #pingMs = PING_MS
  #silentPings = 0
  #ids = 0
  #over = false

  constructor({ listener, token, url }: WireOptions, Socket: typeof WebSocket) {
    this.#listener = listener
    this.#socket = new Socket(`${url.replace(/^http/, 'ws')}/api/v1/realtime`)
    this.#socket.onopen = () => {
      this.#send({ type: 'auth', token })
      this.#listen()
    }
    this.#socket.onmessage = ({ data }) => this.#hear(String(data))
    this.#socket.onclose = ({ reason }) => this.#end(reason)
    // What goes wrong is a close too.
    this.#socket.onerror = () => undefined
    this.#listen()
  }

  follow(channel: string, position: string | undefined, presence: boolean): void {
    const id = this.#send({ type: 'subscribe', channel, presence, ...(position !== undefined && { position }) })
    this.#asked.set(id, channel)
  }

  say(channel: string, data: unknown): Promise<void> {
    const said = Promise.withResolvers<void>()
    this.#said.set(this.#send({ type: 'message', channel, data }), said)
    return said.promise
  }

  leave(channel: string): void {
    this.#send({ type: 'unsubscribe', channel })
  }

  close(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#socket.close()
    this.#giveUp()
  }

  #send(message: object): number {
    this.#ids += 1
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify({ id: this.#ids, ...message }))
    return this.#ids
  }

  #hear(text: string): void {
    if (this.#over) return
    this.#silentPings = 0
    this.#listen()
    this.#take(JSON.parse(text) as Message)
  }

  /** What a later server may say besides is passed over. */
  #take(message: Message): void {
    const listener = this.#listener
    switch (message.type) {
      case 'events':
        listener.events(message.channel, message.events)
        break
      case 'tick':
        listener.tick(message.position)
        break
      case 'resync':
        listener.resync(message.channel, message.position, message.reason)
        break
      case 'subscribed':
        listener.subscribed(message.channel, message.position)
        break
      case 'unsubscribed':
        if (message.code !== undefined) {
          const gone = new RealtimeError(message.code, 'The channel is not yours any more.')
          listener.refused(message.channel, gone)
        }
        break
      case 'members':
        listener.members(message.channel, message.members)
        break
      case 'presence':
        listener.presence(message.channel, message.joined, message.left)
        break
      case 'accepted':
        this.#said.get(message.id)?.resolve()
        this.#said.delete(message.id)
        break
      case 'error':
        this.#refuse(message)
        break
      case 'welcome':
        this.#pingMs = message.pingMs
        listener.opened()
        break
    }
  }

  #refuse({ code, id, message }: Refusal): void {
    const retryable = ['internal', 'overloaded', 'rate_limited', 'unavailable'].includes(code)
    const error = new RealtimeError(code, message, retryable)
    this.#said.get(id)?.reject(error)
    this.#said.delete(id)
    const channel = this.#asked.get(id)
    if (channel !== undefined) this.#listener.refused(channel, error)
  }

  /** Nobody knows what became of what was said and not answered. */
  #giveUp(): void {
    const error = new RealtimeError('disconnected', 'The connection ended before there was an answer.', true)
    for (const { reject } of this.#said.values()) reject(error)
    this.#said.clear()
  }

  /** Asks whether the other side is there when it has been silent for as long as it never should be. */
  #listen(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#silentPings += 1
      if (this.#silentPings > SILENT_PINGS) {
        this.#end('')
        this.#socket.close()
        return
      }
      this.#send({ type: 'ping' })
      this.#listen()
    }, this.#pingMs)
  }

  #end(reason: string): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#giveUp()
    const { code, retryMs } = reasonOf(reason)
    this.#listener.ended(endingOf(code, retryMs))
  }
}

/** What the server gave as the reason of a close; nothing when it was cut, or closed by somebody in between. */
function reasonOf(text: string): { readonly code?: string; readonly retryMs?: number } {
  try {
    return (JSON.parse(text) as object | null) ?? {}
  } catch {
    return {}
  }
}
