/*
 * Follows channels through everything that happens to connections: it comes back by itself, from where each channel
 * stood, and gives each event once.
 *
 *   connecting ──► open ──the connection ends──► waiting ──backoff with jitter, or when the server said──► connecting
 *        └──────────┴── refused for good ──► closed
 */
import { openEventWire } from './event-wire.ts'
import { isBehind, type Position } from './position.ts'
import { openWebSocketWire } from './websocket-wire.ts'
import { type ChannelEvent, type Ending, RealtimeError, type Wire, type WireListener } from './wire.ts'

/** How to connect. */
export interface RealtimeClientOptions {
  /** Where Stoa is: `https://stoa.example.org`. */
  readonly url: string
  /** An API key; or what gives one, asked at each connection, for keys that end. */
  readonly token: string | (() => string | Promise<string>)
  /** `auto`: by WebSocket, and by server-sent events where that does not get through. Default `auto`. */
  readonly transport?: 'auto' | 'websocket' | 'events'
  /** The first wait between two attempts is up to so long, in milliseconds; it doubles. Default 500. */
  readonly minRetryMs?: number
  /** The longest, in milliseconds. Default 30 000. */
  readonly maxRetryMs?: number
  /** Told of each change of the connection. */
  readonly onState?: (state: RealtimeState) => void
}

/** How the connection is. */
export type RealtimeState = 'connecting' | 'open' | 'waiting' | 'closed'

/** What is done with what comes. */
export interface ChannelHandlers<Event extends ChannelEvent = ChannelEvent> {
  /** Called once for each event, in order. */
  onEvent(event: Event): void
  /**
   * What was missed cannot be told any more (`too_old`, `unknown`, `too_slow`): read anew what you show. Events behind
   * `position` come.
   */
  onResync?(resync: { readonly position: Position; readonly reason: string }): void
  /**
   * Who is in the channel, at the beginning and after each change, as `user:<id>` or `apiKey:<id>`; where the channel
   * tells it, and by WebSocket alone.
   */
  onMembers?(members: readonly string[]): void
  /** The channel is not to be had, or not any more: nothing more comes. Default: nobody is told. */
  onError?(error: RealtimeError): void
  /** Where to go on: the `position` of the last event of an earlier subscription. Default: from now on. */
  readonly position?: Position
}

/** A channel that is followed. */
export interface ChannelSubscription {
  readonly channel: string
  /** Where it stands: kept by whoever wants to go on from there another day. Undefined before the server has answered. */
  readonly position: Position | undefined
  /**
   * Sends a message into the channel, where it takes any. Resolves when it has been carried out; after a `disconnected`
   * nobody knows. @throws RealtimeError
   */
  send(data: unknown): Promise<void>
  /** Stops. */
  close(): void
}

/** The names of channels, with the events that come there: `{ links: LinkEvent; [one: `link:${string}`]: LinkEvent }`. */
export type ChannelMap = { readonly [name: string]: ChannelEvent }

interface Followed {
  readonly handlers: ChannelHandlers
  position: Position | undefined
  readonly members: Set<string>
  /** Asked for on the present connection, and answered. */
  settled: boolean
}

/** After so many attempts that never got through, the other way is tried. */
const ATTEMPTS_BY_SOCKET = 2
const MIN_RETRY_MS = 500
const MAX_RETRY_MS = 30_000

/** Channels of one installation. */
export class RealtimeClient<Channels extends ChannelMap = ChannelMap> {
  readonly #options: RealtimeClientOptions
  readonly #channels = new Map<string, Followed>()
  #state: RealtimeState = 'waiting'
  #wire: Wire | null = null
  #ready = false
  #attempt = 0
  #failedBySocket = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Nothing is connected before there is a channel to follow. */
  constructor(options: RealtimeClientOptions) {
    this.#options = { ...options, url: options.url.replace(/\/+$/, '') }
  }

  get state(): RealtimeState {
    return this.#state
  }

  /**
   * Follows a channel until it is closed.
   *
   * @throws TypeError when the client follows the channel already
   * @throws Error when the client is closed
   */
  subscribe<Name extends keyof Channels & string>(
    channel: Name,
    handlers: ChannelHandlers<Channels[Name]>,
  ): ChannelSubscription {
    if (this.#state === 'closed') throw new Error('the client is closed')
    if (this.#channels.has(channel)) throw new TypeError(`the channel '${channel}' is followed already`)
    const followed: Followed = {
      handlers: handlers as ChannelHandlers,
      position: handlers.position,
      members: new Set(),
      settled: false,
    }
    this.#channels.set(channel, followed)
    if (this.#ready) this.#follow(channel, followed)
    else if (this.#wire === null && this.#timer === undefined) this.#connect()
    return {
      channel,
      get position() {
        return followed.position
      },
      send: (data) => this.#say(channel, data),
      close: () => {
        if (this.#channels.get(channel) !== followed) return
        this.#channels.delete(channel)
        if (this.#ready) this.#wire?.leave(channel)
      },
    }
  }

  /** Ends the connection, and everything that was followed. */
  close(): void {
    this.#channels.clear()
    clearTimeout(this.#timer)
    this.#wire?.close()
    this.#wire = null
    this.#ready = false
    this.#become('closed')
  }

  #connect(): void {
    this.#timer = undefined
    if (this.#channels.size === 0) return
    this.#become('connecting')
    const { token } = this.#options
    // Nobody else may begin to connect meanwhile.
    this.#wire = PENDING
    Promise.resolve(typeof token === 'function' ? token() : token).then(
      (known) => {
        if (this.#wire === PENDING) this.#open(known)
      },
      () => this.#wire === PENDING && this.#comeBack({ retryMs: null, refused: null }),
    )
  }

  #open(token: string): void {
    const { transport = 'auto', url } = this.#options
    const hasSocket = typeof WebSocket === 'function'
    const bySocket =
      transport === 'websocket' || (transport === 'auto' && hasSocket && this.#failedBySocket < ATTEMPTS_BY_SOCKET)
    for (const followed of this.#channels.values()) followed.settled = false
    const wire: { current: Wire | null } = { current: null }
    const listener = this.#listener(() => this.#wire === wire.current && wire.current !== null, bySocket)
    wire.current = (bySocket ? openWebSocketWire : openEventWire)({ url, token, listener })
    this.#wire = wire.current
  }

  /** @param isMine whether the connection is the present one: what an old one has to say is of no interest */
  #listener(isMine: () => boolean, bySocket: boolean): WireListener {
    const followed = (channel: string) => (isMine() ? this.#channels.get(channel) : undefined)
    return {
      opened: () => {
        if (!isMine()) return
        this.#ready = true
        this.#failedBySocket = 0
        this.#become('open')
        for (const [channel, one] of this.#channels) this.#follow(channel, one)
      },
      subscribed: (channel, position) => {
        const found = followed(channel)
        if (found === undefined) return
        this.#attempt = 0
        found.settled = true
        found.position ??= position
      },
      events: (channel, events) => {
        for (const event of events) this.#give(followed(channel), event)
      },
      resync: (channel, position, reason) => {
        const found = followed(channel)
        if (found === undefined) return
        found.position = position
        call(() => found.handlers.onResync?.({ position, reason }))
      },
      tick: (position) => {
        if (!isMine()) return
        for (const one of this.#channels.values()) {
          if (one.settled && one.position !== undefined && isBehind(position, one.position)) one.position = position
        }
      },
      members: (channel, members) => this.#meet(followed(channel), (now) => reset(now, members)),
      presence: (channel, joined, left) =>
        this.#meet(followed(channel), (now) => {
          for (const name of joined) now.add(name)
          for (const name of left) now.delete(name)
        }),
      refused: (channel, error) => this.#refused(channel, followed(channel), error),
      ended: (ending) => {
        if (!isMine()) return
        if (bySocket && !this.#ready) this.#failedBySocket += 1
        this.#comeBack(ending)
      },
    }
  }

  #follow(channel: string, { handlers, position }: Followed): void {
    this.#wire?.follow(channel, position, handlers.onMembers !== undefined)
  }

  async #say(channel: string, data: unknown): Promise<void> {
    if (!this.#ready || this.#wire === null) {
      throw new RealtimeError('disconnected', 'There is no connection at the moment.', true)
    }
    await this.#wire.say(channel, data)
  }

  #meet(followed: Followed | undefined, change: (members: Set<string>) => void): void {
    if (followed === undefined) return
    change(followed.members)
    call(() => followed.handlers.onMembers?.([...followed.members]))
  }

  #give(followed: Followed | undefined, event: ChannelEvent): void {
    if (followed === undefined) return
    if (followed.position !== undefined && !isBehind(event.position, followed.position)) return
    followed.position = event.position
    call(() => followed.handlers.onEvent(event))
  }

  #refused(channel: string, followed: Followed | undefined, error: RealtimeError): void {
    if (followed === undefined) return
    if (error.retryable) {
      setTimeout(() => {
        if (this.#ready && this.#channels.get(channel) === followed) this.#follow(channel, followed)
      }, this.#backoffMs())
      return
    }
    this.#channels.delete(channel)
    call(() => followed.handlers.onError?.(error))
  }

  #comeBack({ refused, retryMs }: Ending): void {
    this.#wire = null
    this.#ready = false
    const mayChange = typeof this.#options.token === 'function' && refused?.code === 'unauthenticated'
    if (refused !== null && !mayChange) {
      const channels = [...this.#channels.values()]
      this.close()
      for (const { handlers } of channels) call(() => handlers.onError?.(refused))
      return
    }
    this.#become('waiting')
    this.#timer = setTimeout(() => this.#connect(), retryMs ?? this.#backoffMs())
  }

  /** Full jitter: by chance between nothing and a bound that doubles. */
  #backoffMs(): number {
    const { maxRetryMs = MAX_RETRY_MS, minRetryMs = MIN_RETRY_MS } = this.#options
    const bound = Math.min(maxRetryMs, minRetryMs * 2 ** Math.min(this.#attempt, 20))
    this.#attempt += 1
    return Math.random() * bound
  }

  #become(state: RealtimeState): void {
    if (this.#state === state) return
    this.#state = state
    call(() => this.#options.onState?.(state))
  }
}

const PENDING: Wire = {
  follow: () => undefined,
  say: () => Promise.reject(new RealtimeError('disconnected', 'There is no connection yet.', true)),
  leave: () => undefined,
  close: () => undefined,
}

function reset(set: Set<string>, now: readonly string[]): void {
  set.clear()
  for (const one of now) set.add(one)
}

/** A handler that throws fails by itself, as an uncaught error, and holds nothing else up. */
function call(handler: () => void): void {
  try {
    handler()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** Makes a client. It connects when there is a channel to follow. */
export function createRealtimeClient<Channels extends ChannelMap = ChannelMap>(
  options: RealtimeClientOptions,
): RealtimeClient<Channels> {
  return new RealtimeClient<Channels>(options)
}
