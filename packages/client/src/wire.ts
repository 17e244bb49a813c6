import type { Position } from './position.ts'

/** Something that happened, as a channel shows it. */
export interface ChannelEvent<Type extends string = string, Data = unknown> {
  /** Where it stands: events of a channel come in this order, each once. */
  readonly position: Position
  readonly type: Type
  /** Of the shape of the data. */
  readonly version: number
  /** What it is about: `link:<id>`. */
  readonly subjects: readonly string[]
  /** RFC 3339. */
  readonly at: string
  readonly data: Data
}

/** A refusal of the server, by its stable code. */
export class RealtimeError extends Error {
  readonly code: string
  /** Whether the same may succeed later. */
  readonly retryable: boolean

  constructor(code: string, message: string, retryable = false) {
    super(message)
    this.name = 'RealtimeError'
    this.code = code
    this.retryable = retryable
  }
}

/** Why a connection ended. */
export interface Ending {
  /** When the server wants to see us again, in milliseconds; null: it did not say. */
  readonly retryMs: number | null
  /** Not null: coming back as the same makes no sense. */
  readonly refused: RealtimeError | null
}

/** What a connection tells. */
export interface WireListener {
  /** It knows who we are. */
  opened(): void
  subscribed(channel: string, position: Position): void
  events(channel: string, events: readonly ChannelEvent[]): void
  resync(channel: string, position: Position, reason: string): void
  /** We have everything up to here, in all channels that we follow. */
  tick(position: Position): void
  /** Who is in a channel now. */
  members(channel: string, members: readonly string[]): void
  /** Who came and who went. */
  presence(channel: string, joined: readonly string[], left: readonly string[]): void
  /** A channel is not ours, or not any more. */
  refused(channel: string, error: RealtimeError): void
  /** Called once; nothing comes after it. */
  ended(ending: Ending): void
}

/** One connection, from its beginning to its end. */
export interface Wire {
  /** Follows a channel from a position; without one, from now on. */
  follow(channel: string, position: Position | undefined, presence: boolean): void
  /** Sends a message into a channel. Rejects with a {@link RealtimeError} when it is not taken. */
  say(channel: string, data: unknown): Promise<void>
  leave(channel: string): void
  /** Ends it, without a call of `ended`. */
  close(): void
}

/** What a connection is made of. */
export interface WireOptions {
  /** `https://stoa.example.org` */
  readonly url: string
  readonly token: string
  readonly listener: WireListener
}

/** Codes with which everything a client might say again would be refused again. */
const FINAL = new Set(['unauthenticated', 'forbidden', 'binary'])

/** Reads why a connection ended. */
export function endingOf(code: string | undefined, retryMs: unknown): Ending {
  return {
    retryMs: typeof retryMs === 'number' && retryMs >= 0 ? retryMs : null,
    refused: code !== undefined && FINAL.has(code) ? new RealtimeError(code, `The server ended it: ${code}.`) : null,
  }
}
