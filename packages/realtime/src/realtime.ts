/*
 * Channels over WebSocket and server-sent events: put together here, of parts that each know one thing.
 *
 *   channel.ts       what can be followed           gate.ts         who may
 *   hub.ts           the tail, and who follows      guests.ts       how many, how fast, and what time does to them
 *   history.ts       the last events, in memory     resume.ts       where somebody goes on who was away
 *   connection.ts    one WebSocket                  stream.ts       one stream of server-sent events
 */
import type { Credentials, Principal, Route, UpgradedConnection } from '@stoa/http'
import { callerOf, openEventStream, type RouteReply } from '@stoa/http'
import { comparePositions, type HintTransport, type Journal, type JournalEvent, type Position } from '@stoa/journal'
import { type Clock, type Ctx, errors, type Logger, StoaError } from '@stoa/kernel'
import { createLimiter, createMemoryStore, type Store } from '@stoa/limiter'
import { WebSocketServer } from 'ws'
import { type Channel, type ChannelKind, Channels } from './channel.ts'
import { Connection, listenTo, RealtimeSocket } from './connection.ts'
import { realtimeErrors } from './errors.ts'
import { CONNECT, Gate } from './gate.ts'
import { type GuestCounts, Guests, type Refusal } from './guests.ts'
import { channelOf, Hub, type HubCounts } from './hub.ts'
import { Messages } from './messages.ts'
import { type RealtimeConfig, type RealtimeOptions, resolveRealtimeOptions } from './options.ts'
import { Presence } from './presence.ts'
import { CLOSES, closeReason, presenceMessage } from './protocol.ts'
import { realtimeRoutes } from './routes/index.ts'
import { Stream, type StreamRequest } from './stream.ts'

/** The permissions of this package. */
export const realtimePermissions = {
  [CONNECT]: 'Open connections for events. What is to be seen there needs the permission of its channel.',
} as const

/** What is said of the tag of this package. */
export const realtimeTags = {
  Realtime:
    'Follow what happens as it happens, by WebSocket or server-sent events, and go on after a break without a gap and without a repeat.',
} as const

/** What {@link createRealtime} stands on. */
export interface RealtimeDeps {
  readonly journal: Pick<Journal, 'tail' | 'readBack' | 'hasReached'>
  /** What can be followed. */
  readonly channels: readonly ChannelKind[]
  /** Asks the schemes who somebody is: null for nobody. @throws StoaError `unauthenticated` */
  readonly authenticate: (credentials: Credentials) => Principal | null | Promise<Principal | null>
  readonly log: Logger
  readonly clock: Clock
  /**
   * How processes tell each other who is in a channel, on a channel of its own; closed with this. Default: nobody is
   * told, there is one process.
   */
  readonly presence?: HintTransport
  /** Where messages of clients are counted. Default: in this process. */
  readonly limitStore?: Store
}

/** What a stream is asked for. */
export interface StreamOptions {
  /** Names of channels, in any order; each is checked. */
  readonly channels: readonly string[]
  /** Where the caller stood: `Last-Event-ID`. Default: now. */
  readonly lastEventId?: string | undefined
  /** What the route needs, beside the permissions of the channels: who loses it is sent away. Default: nothing. */
  readonly permission?: string
  /** False: sends what has happened since, and ends. Default true. */
  readonly follow?: boolean
}

/** What a stream is asked for that tells the life of one thing. */
export interface StoryOptions extends StreamOptions {
  /** Reads what has happened, out of the journal. */
  readonly past: () => Promise<Past>
  /** Types of events after which nothing follows: the answer ends with the first one. */
  readonly until: ReadonlySet<string>
}

/** What happened to a thing. */
export interface Past {
  /** Oldest first: all that can be read by now, and that can be followed in one of the stream's channels. */
  readonly events: readonly JournalEvent[]
  /** Whether nothing will follow. */
  readonly isOver: boolean
}

/** What happens here now, and happened since the start. */
export interface RealtimeStatus {
  readonly connections: { readonly open: number; readonly unknown: number }
  readonly channels: number
  readonly subscriptions: number
  readonly bufferedBytes: number
  readonly historyEvents: number
  readonly historyBytes: number
  readonly guests: Readonly<GuestCounts>
  readonly hub: Readonly<HubCounts>
}

type Answering = Pick<StreamRequest, 'channels' | 'past' | 'place' | 'until'> &
  Partial<Pick<StreamRequest, 'follow' | 'permission'>>

const NOTHING: ReadonlySet<string> = new Set()
/** After a close frame the other side may take so long to close. */
const CLOSE_TIMEOUT_MS = 2_000

/** Channels of one process. */
export class Realtime implements AsyncDisposable {
  /** `GET /api/v1/realtime`, which becomes a WebSocket, and `GET /api/v1/events`. */
  readonly routes: readonly Route[]
  readonly #config: RealtimeConfig
  readonly #deps: RealtimeDeps
  readonly #channels: Channels
  readonly #hub: Hub
  readonly #gate: Gate
  readonly #guests: Guests
  readonly #messages: Messages
  readonly #presence: Presence
  readonly #server: WebSocketServer

  constructor(options: RealtimeOptions | undefined, deps: RealtimeDeps) {
    const config = resolveRealtimeOptions(options)
    const channels = new Channels(deps.channels)
    this.#config = config
    this.#deps = deps
    this.#channels = channels
    this.#hub = new Hub({ ...deps, channels }, config)
    this.#gate = new Gate({ ...deps, channels })
    this.#guests = new Guests(config, deps)
    const store = deps.limitStore ?? createMemoryStore({ clock: () => deps.clock.now() })
    this.#messages = new Messages(deps.channels, {
      gate: this.#gate,
      limiter: createLimiter({ store, onStoreFailure: () => undefined }),
      log: deps.log,
    })
    this.#server = serverOf(config)
    this.#presence = new Presence({
      ...{ transport: deps.presence ?? null, clock: deps.clock, log: deps.log },
      onChange: ({ joined, key, left }) => this.#hub.notice(key, presenceMessage(channelOf(key), joined, left)),
    })
    this.routes = realtimeRoutes(this)
  }

  /** Begins to follow the journal. Resolves when events come; who asks for them before waits until then. */
  async open(): Promise<void> {
    await Promise.all([this.#hub.open(), this.#presence.open()])
  }

  /** The kinds of channels that there are. */
  get kinds(): readonly ChannelKind[] {
    return this.#channels.kinds
  }

  get status(): RealtimeStatus {
    const { counts: hub, followed } = this.#hub
    const { bufferedBytes, counts: guests, size: open, unknown } = this.#guests
    const history = this.#hub.isReady ? this.#hub.history : { size: 0, bytes: 0 }
    const kept = { historyEvents: history.size, historyBytes: history.bytes }
    return { connections: { open, unknown }, ...followed, bufferedBytes, ...kept, guests, hub }
  }

  /** Takes a connection that asks for a WebSocket. */
  accept({ raw, socket, head, principal, credentials }: UpgradedConnection): void {
    this.#server.handleUpgrade(raw, socket, head, (ws) => {
      const refusal = this.#guests.refusal(principal)
      if (refusal) {
        ws.on('error', () => undefined)
        ws.close(CLOSES[refusal.code], closeReason(refusal.code, refusal.retryMs))
        return
      }
      listenTo(ws as RealtimeSocket)
      const shared = {
        hub: this.#hub,
        gate: this.#gate,
        guests: this.#guests,
        messages: this.#messages,
        presence: this.#presence,
      }
      const { clock } = this.#deps
      new Connection({ ...shared, clock, config: this.#config }, ws as RealtimeSocket, socket, {
        principal,
        credentials,
      })
    })
  }

  /**
   * Answers a request with a stream of the events of channels. The answer is the stream's then: return what this gives.
   *
   * @throws StoaError `channel_unknown`, `forbidden`, `too_many_channels`, `too_many_connections`, `overloaded`
   */
  async stream(ctx: Ctx, reply: RouteReply, options: StreamOptions): Promise<string> {
    const principal = principalOf(reply)
    const channels = await this.#enter(principal, options.channels)
    const place = await this.#hub.place(options.lastEventId)
    return this.#answer(ctx, reply, principal, { ...options, channels, place, past: null, until: NOTHING })
  }

  /**
   * The same, but it begins with what has happened and the caller has not seen, whether or not the caller says where it
   * stood, and ends with the thing.
   *
   * @returns null, and nothing is answered, when the caller has seen the end
   * @throws StoaError as `stream`, and what `past` throws
   */
  async story(ctx: Ctx, reply: RouteReply, options: StoryOptions): Promise<string | null> {
    const principal = principalOf(reply)
    const channels = await this.#enter(principal, options.channels)
    const { position, resync } = await this.#hub.standing(options.lastEventId)
    // Noted before the past is read: whatever comes after it, and is not in the past, is still in memory then.
    const { end } = this.#hub.history
    const { events, isOver } = await options.past()
    const unseen = events.filter((event) => position === null || comparePositions(event.position, position) > 0)
    if (isOver && unseen.length === 0) return null
    const place = { position: latest(end, position, events.at(-1)?.position ?? null), resync }
    const past = unseen.map((event) => this.#hub.entryOf(event))
    const follow = options.follow !== false && !isOver
    return this.#answer(ctx, reply, principal, { ...options, channels, place, past, follow })
  }

  /** An actor was changed or lost its credentials: its connections are looked at now, and those that act for it. */
  actorChanged(id: string): void {
    this.#guests.actorChanged(id)
  }

  /** What somebody may was changed in a tenant, and it is not known whose: all of its connections are looked at now. */
  tenantChanged(tenantId: string): void {
    this.#guests.tenantChanged(tenantId)
  }

  /** Sends everybody away, each told to come back at another moment. Nobody is let in any more. */
  drain(): void {
    this.#guests.drain()
  }

  /** Ends it. Call `drain` first where somebody may be connected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.drain()
    await this.#guests[Symbol.asyncDispose]()
    await this.#presence[Symbol.asyncDispose]()
    await this.#hub[Symbol.asyncDispose]()
  }

  #answer(
    ctx: Ctx,
    reply: RouteReply,
    principal: Principal,
    { channels, follow = true, past, permission = null, place, until }: Answering,
  ): string {
    const refusal = this.#guests.refusal(principal)
    if (refusal) throw refused(refusal)
    const answer = openEventStream(reply)
    const { clock } = this.#deps
    const shared = { hub: this.#hub, gate: this.#gate, guests: this.#guests, config: this.#config, clock }
    ctx.log.debug({ channels: channels.map(({ name }) => name) }, 'a stream was opened')
    new Stream(shared, answer, principal, { channels, place, past, until, follow, permission })
    return ''
  }

  async #enter(principal: Principal, names: readonly string[]): Promise<Channel[]> {
    const different = [...new Set(names)]
    if (different.length > this.#config.maxChannels) throw new StoaError(realtimeErrors.too_many_channels)
    const channels: Channel[] = []
    for (const name of different) channels.push(await this.#gate.enter(principal, name))
    return channels
  }
}

/**
 * Opens the channels of a process. Put its routes into the application, and tell it of the drain.
 *
 * @throws StoaError `invalid_options`; TypeError when two kinds of channels have one pattern
 */
export function createRealtime(options: RealtimeOptions | undefined, deps: RealtimeDeps): Realtime {
  return new Realtime(options, deps)
}

function latest(first: Position, ...others: readonly (Position | null)[]): Position {
  return others.reduce<Position>((last, one) => (one !== null && comparePositions(one, last) > 0 ? one : last), first)
}

function serverOf({ maxMessageBytes }: RealtimeConfig): WebSocketServer {
  const options = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    // Of one message; a client of ours never sends more than one.
    maxFragments: 128,
    closeTimeout: CLOSE_TIMEOUT_MS,
    WebSocket: RealtimeSocket,
  }
  return new WebSocketServer(options as never)
}

function principalOf(reply: RouteReply): Principal {
  const { principal } = callerOf(reply)
  if (principal === null) throw new StoaError(errors.unauthenticated)
  return principal
}

function refused({ code, retryMs }: Refusal): StoaError {
  const spec = code === 'too_many_connections' ? realtimeErrors.too_many_connections : errors.overloaded
  return new StoaError(spec, { retryAfterSeconds: retryMs / 1_000 })
}
