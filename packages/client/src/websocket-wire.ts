import { endingOf, RealtimeError, type Wire, type WireListener, type WireOptions } from './wire.ts'

/** In silence of so many pings the other side counts as gone. */
const SILENT_PINGS = 2
const PING_MS = 25_000

// biome-ignore lint/suspicious/noExplicitAny: what comes from the server is read field by field
type Message = any

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
    const message = JSON.parse(text) as Message
    const { channel, position, type } = message
    if (type === 'events') this.#listener.events(channel, message.events)
    else if (type === 'tick') this.#listener.tick(position)
    else if (type === 'resync') this.#listener.resync(channel, position, message.reason)
    else if (type === 'subscribed') this.#listener.subscribed(channel, position)
    else if (type === 'unsubscribed' && message.code !== undefined) {
      this.#listener.refused(channel, new RealtimeError(message.code, 'The channel is not yours any more.'))
    } else if (type === 'members') this.#listener.members(channel, message.members)
    else if (type === 'presence') this.#listener.presence(channel, message.joined, message.left)
    else if (type === 'accepted') {
      this.#said.get(message.id)?.resolve()
      this.#said.delete(message.id)
    } else if (type === 'error') this.#refuse(message)
    else if (type === 'welcome') {
      this.#pingMs = message.pingMs
      this.#listener.opened()
    }
  }

  #refuse({ code, id, message }: Message): void {
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
    let said: Message = {}
    try {
      said = JSON.parse(reason)
    } catch {
      // It was cut, or closed by somebody in between.
    }
    this.#listener.ended(endingOf(said?.code, said?.retryMs))
  }
}
