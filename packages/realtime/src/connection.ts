/*
 * One WebSocket. It hears text frames of one JSON object each, and answers in the order in which it was asked. What goes
 * out past `ws`, straight into the socket, are frames that were made once for many (see frame.ts); without compression
 * `ws` keeps none of its own back, so the order holds.
 */
import type { Socket } from 'node:net'
import type { Credentials, Principal } from '@stoa/http'
import { type Clock, errors, isError, StoaError } from '@stoa/kernel'
import { WebSocket } from 'ws'
import { mayFollow } from './channel.ts'
import { realtimeErrors } from './errors.ts'
import { PING, textFrame } from './frame.ts'
import type { Gate } from './gate.ts'
import type { Guest, Guests } from './guests.ts'
import { type Hub, keyOf } from './hub.ts'
import type { Messages } from './messages.ts'
import type { RealtimeConfig } from './options.ts'
import { nameOf, type Presence } from './presence.ts'
import {
  CLOSES,
  type ClientMessage,
  type CloseCode,
  closeReason,
  errorMessage,
  membersMessage,
  readMessage,
} from './protocol.ts'
import { type FrameOutlet, Subscription } from './subscription.ts'

/** What all connections share. */
export interface ConnectionDeps {
  readonly hub: Hub
  readonly gate: Gate
  readonly guests: Guests
  readonly messages: Messages
  readonly presence: Presence
  readonly config: RealtimeConfig
  readonly clock: Clock
}

const NONE: Map<string, Subscription> = new Map()

/** A WebSocket that knows whose it is, so that one function can listen to all of them. */
export class RealtimeSocket extends WebSocket {
  connection: Connection | null = null
}

/** Listens to a socket. */
export function listenTo(ws: RealtimeSocket): void {
  ws.on('message', onMessage)
  ws.on('pong', onPong)
  ws.on('close', onClose)
  // What a client does against the protocol: `ws` closes by itself, with the code that says so.
  ws.on('error', nothing)
}

function onMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
  ;(this as RealtimeSocket).connection?.hear(data, isBinary)
}

function onPong(this: WebSocket): void {
  ;(this as RealtimeSocket).connection?.answered()
}

function onClose(this: WebSocket): void {
  ;(this as RealtimeSocket).connection?.ended()
}

function nothing(): void {}

/** A client that is connected by a WebSocket. */
export class Connection implements Guest, FrameOutlet {
  readonly sinceMs: number
  slot = ''
  readonly #deps: ConnectionDeps
  readonly #ws: RealtimeSocket
  readonly #socket: Socket
  /** Made with the first one: many are connected and follow nothing. */
  #subscriptions: Map<string, Subscription> = NONE
  #credentials: Credentials
  #principal: Principal | null
  #work: Promise<void> | null = null
  #tokens: number
  #refilledMs: number
  #answered = true
  #awaitsRoom = false
  #open = true

  constructor(
    deps: ConnectionDeps,
    ws: RealtimeSocket,
    socket: Socket,
    caller: { readonly principal: Principal | null; readonly credentials: Credentials },
  ) {
    this.#deps = deps
    this.#ws = ws
    this.#socket = socket
    this.#credentials = caller.credentials
    this.#principal = caller.principal
    this.sinceMs = deps.clock.now()
    this.#refilledMs = this.sinceMs
    this.#tokens = deps.config.messageBurst
    ws.connection = this
    deps.guests.add(this)
    if (this.#principal !== null) this.#welcome(null)
  }

  get principal(): Principal | null {
    return this.#principal
  }

  get beatMs(): number {
    return this.#deps.config.pingMs
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  get hasRoom(): boolean {
    if (!this.#open) return false
    if (this.#socket.writableLength < this.#deps.config.maxBufferBytes / 2) return true
    this.#awaitRoom()
    return false
  }

  /** Nobody there any more counts as sent. */
  send(frame: Buffer): boolean {
    if (!this.#open || this.#ws.readyState !== WebSocket.OPEN) return true
    if (this.#socket.writableLength + frame.length > this.#deps.config.maxBufferBytes) {
      this.#awaitRoom()
      return false
    }
    this.#socket.write(frame)
    return true
  }

  /** A frame came. */
  hear(data: Buffer, isBinary: boolean): void {
    if (!this.#open) return
    this.#answered = true
    if (isBinary) {
      this.shut('binary', null)
      return
    }
    if (!this.#mayHear()) {
      this.shut('too_many_messages', this.#deps.guests.jitterMs(1_000))
      return
    }
    if (this.#isExpired()) {
      this.shut('unauthenticated', null)
      return
    }
    const message = readMessage(data.toString())
    if (message === null) {
      this.#reply(errorMessage(null, new StoaError(realtimeErrors.frame_malformed)))
      return
    }
    // One after the other: who unsubscribes right after it subscribed means it in this order.
    const work = (this.#work ?? Promise.resolve()).then(() => this.#answer(message))
    this.#work = work
    void work.then(() => {
      if (this.#work === work) this.#work = null
    })
  }

  /** A pong came. */
  answered(): void {
    this.#answered = true
  }

  /** The socket is closed. */
  ended(): void {
    this.#open = false
    this.#leaveAll()
    this.#deps.guests.remove(this)
    this.#ws.connection = null
  }

  beat(): void {
    if (!this.#open) return
    if (!this.#answered) {
      this.#ws.terminate()
      return
    }
    this.#answered = false
    this.send(PING)
    if (this.#principal === null || !this.hasRoom) return
    for (const { live } of this.#subscriptions.values()) if (!live) return
    this.send(this.#deps.hub.tick)
  }

  async recheck(): Promise<void> {
    if (this.#principal === null || !this.#open) return
    try {
      this.#principal = await this.#deps.gate.identify(this.#credentials)
    } catch (error) {
      if (isError(error, errors.unauthenticated)) return this.shut('unauthenticated', null)
      if (isError(error, errors.forbidden)) return this.shut('forbidden', null)
      // Who cannot be asked now is asked again.
      throw error
    }
    this.#deps.guests.ends(this, this.#principal)
    for (const subscription of [...this.#subscriptions.values()]) {
      const { name } = subscription.channel
      if (mayFollow(this.#principal, subscription.channel)) continue
      this.#leave(name)
      this.#reply(JSON.stringify({ type: 'unsubscribed', id: null, channel: name, code: errors.forbidden.code }))
    }
  }

  shut(code: CloseCode, retryMs: number | null): void {
    if (!this.#open) return
    this.#open = false
    this.#leaveAll()
    this.#ws.close(CLOSES[code], closeReason(code, retryMs))
  }

  async #answer(message: ClientMessage): Promise<void> {
    if (!this.#open) return
    try {
      const answer = await this.#carryOut(message)
      if (answer !== null) this.#reply(answer)
    } catch (error) {
      if (message.type === 'auth' && isError(error, errors.unauthenticated)) return this.shut('unauthenticated', null)
      if (message.type === 'auth' && isError(error, errors.forbidden)) return this.shut('forbidden', null)
      this.#deps.messages.note(error)
      this.#reply(errorMessage(message.id, error, 'channel' in message ? message.channel : undefined))
    }
  }

  async #carryOut(message: ClientMessage): Promise<string | null> {
    const { id } = message
    if (message.type === 'ping') return JSON.stringify({ type: 'pong', id })
    if (message.type === 'auth') return await this.#authenticate(message)
    const principal = this.#principal
    if (principal === null) {
      this.shut('unauthenticated', null)
      return null
    }
    const { channel: name } = message
    switch (message.type) {
      case 'subscribe':
        return await this.#subscribe(principal, message)
      case 'unsubscribe':
        this.#leave(name)
        return JSON.stringify({ type: 'unsubscribed', id, channel: name })
      case 'message': {
        const joined = this.#subscriptions.get(name)
        if (joined === undefined) throw new StoaError(realtimeErrors.channel_not_joined)
        await this.#deps.messages.take(principal, joined.channel, message.data)
        return JSON.stringify({ type: 'accepted', id, channel: name })
      }
      case 'members': {
        const joined = this.#subscriptions.get(name)
        if (joined === undefined) throw new StoaError(realtimeErrors.channel_not_joined)
        return membersMessage(id, name, this.#deps.presence.members(joined.key))
      }
    }
  }

  async #authenticate({ id, token }: ClientMessage & { readonly type: 'auth' }): Promise<string | null> {
    const credentials = { ip: this.#credentials.ip, headers: { authorization: `Bearer ${token}` } }
    const before = this.#principal
    const { guests } = this.#deps
    const principal = await this.#deps.gate.identify(credentials)
    if (!this.#open) return null
    if (before !== null && (before.actor.id !== principal.actor.id || before.tenant.id !== principal.tenant.id)) {
      throw new StoaError(errors.conflict, { message: 'This connection belongs to somebody else already.' })
    }
    if (before === null && guests.isFull(principal)) {
      this.shut('too_many_connections', guests.jitterMs(1_000))
      return null
    }
    this.#credentials = credentials
    this.#principal = principal
    if (before === null) guests.known(this, principal)
    else guests.ends(this, principal)
    this.#welcome(id)
    return null
  }

  #welcome(id: string | number | null): void {
    const { maxMessageBytes, pingMs } = this.#deps.config
    this.#reply(JSON.stringify({ type: 'welcome', id, pingMs, maxMessageBytes }))
  }

  async #subscribe(principal: Principal, message: ClientMessage & { readonly type: 'subscribe' }): Promise<null> {
    const { channel: name, id, position } = message
    const { config, gate, hub, presence } = this.#deps
    if (this.#subscriptions.has(name)) throw new StoaError(realtimeErrors.channel_joined)
    if (this.#subscriptions.size >= config.maxChannels) throw new StoaError(realtimeErrors.too_many_channels)
    const channel = await gate.enter(principal, name)
    const place = await hub.place(position)
    if (!this.#open) return null
    const key = keyOf(principal.tenant.id, name)
    const { kind } = channel
    const wantsPresence = message.presence && kind.presence === true
    const subscription = new Subscription(hub, this, { key, channel, position: place.position, wantsPresence })
    if (this.#subscriptions === NONE) this.#subscriptions = new Map()
    this.#subscriptions.set(name, subscription)
    if (kind.presence) presence.join(key, nameOf(principal.actor))
    const resumed = position !== undefined && place.resync === null
    this.#reply(JSON.stringify({ type: 'subscribed', id, channel: name, position: place.position, resumed }))
    if (place.resync !== null) subscription.resync(place.resync)
    else subscription.pump()
    if (wantsPresence) this.#reply(membersMessage(null, name, presence.members(key)))
    return null
  }

  #leave(name: string): void {
    const subscription = this.#subscriptions.get(name)
    if (subscription === undefined) return
    this.#subscriptions.delete(name)
    subscription.end()
    const { channel, key } = subscription
    if (channel.kind.presence && this.#principal) this.#deps.presence.leave(key, nameOf(this.#principal.actor))
  }

  #leaveAll(): void {
    for (const name of [...this.#subscriptions.keys()]) this.#leave(name)
  }

  /** Who asks and does not read the answers is sent away. */
  #reply(text: string): void {
    if (!this.send(textFrame(text))) this.shut('overloaded', this.#deps.guests.jitterMs(1_000))
  }

  /** Most connections never need it, so they have no listener for it. */
  #awaitRoom(): void {
    if (this.#awaitsRoom) return
    this.#awaitsRoom = true
    this.#socket.once('drain', () => {
      this.#awaitsRoom = false
      for (const subscription of this.#subscriptions.values()) if (!subscription.live) subscription.pump()
    })
  }

  #mayHear(): boolean {
    const { messageBurst, messagesPerSecond } = this.#deps.config
    const nowMs = this.#deps.clock.now()
    const gained = (Math.max(0, nowMs - this.#refilledMs) / 1_000) * messagesPerSecond
    this.#tokens = Math.min(messageBurst, this.#tokens + gained)
    this.#refilledMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  #isExpired(): boolean {
    return (this.#principal?.expiresAtMs ?? Number.POSITIVE_INFINITY) <= this.#deps.clock.now()
  }
}
