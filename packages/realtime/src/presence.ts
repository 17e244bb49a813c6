/*
 * Who is in a channel, over all processes. It is a thing of the moment and is kept nowhere but in memory: each process
 * knows its own, and tells the others.
 *
 *   change     who came and who went, gathered for a moment, with a number that counts on
 *   beat       every few seconds: I am here, and this is my number
 *   ask        somebody missed something of mine (a number that does not fit, or a gap of the transport), or has just come
 *   all        everybody that I have, in as many parts as the transport needs
 *   bye        I am gone
 *
 * A process that is not heard for three beats is gone with everybody in it. So a lost message delays, and a killed process
 * is noticed; nobody has to agree on anything. Without a transport there is one process, and nothing is told.
 */
import { randomBytes } from 'node:crypto'
import type { HintTransport } from '@stoa/journal'
import { type Actor, type Clock, type Logger, OutageLog, type Repeating, repeat } from '@stoa/kernel'

/** Somebody in a channel: `user:…`, `apiKey:…`. */
export type MemberName = string

/** What changed in a channel. */
interface PresenceChange {
  readonly key: string
  readonly joined: readonly MemberName[]
  readonly left: readonly MemberName[]
}

/** What presence stands on. */
export interface PresenceDeps {
  /** null: this process is the only one. */
  readonly transport: HintTransport | null
  readonly clock: Clock
  readonly log: Logger
  /** Told of changes, gathered. */
  readonly onChange: (change: PresenceChange) => void
}

const GATHER_MS = 50
const BEAT_MS = 5_000
const GONE_AFTER_MS = 3 * BEAT_MS
/** NOTIFY takes 8,000 bytes. */
const MESSAGE_BYTES = 6_000

type Change = readonly [key: string, name: MemberName, isIn: 0 | 1]
type Message =
  | { readonly node: string; readonly number: number; readonly type: 'change'; readonly changes: readonly Change[] }
  | { readonly node: string; readonly number: number; readonly type: 'beat' }
  | {
      readonly node: string
      readonly number: number
      readonly type: 'all'
      readonly part: number
      readonly parts: number
      readonly members: readonly Change[]
    }
  | { readonly node: string; readonly type: 'ask'; readonly of: string }
  | { readonly node: string; readonly type: 'bye' }

interface Other {
  /** The last number that fitted; null: nothing is known for sure. */
  number: number | null
  heardMs: number
  members: Set<string>
  parts: { readonly number: number; readonly seen: Map<number, readonly Change[]> } | null
}

/** What a member in a channel is called in a set. Keys have no line breaks. */
const placeOf = (key: string, name: MemberName) => `${key}\n${name}`

/** How an actor is called. */
export const nameOf = ({ id, type }: Actor): MemberName => `${type}:${id}`

/** Who is in which channel. */
export class Presence implements AsyncDisposable {
  readonly #deps: PresenceDeps
  readonly #outages: OutageLog
  readonly #node = randomBytes(9).toString('base64url')
  /** Connections of this process, by place. */
  readonly #own = new Map<string, number>()
  readonly #others = new Map<string, Other>()
  /** How many processes have a member, by channel and name. */
  readonly #members = new Map<string, Map<MemberName, number>>()
  readonly #told = new Map<string, Map<MemberName, boolean>>()
  #outgoing: Change[] = []
  #number = 0
  #gathering = false
  #receiving: AsyncDisposable | null = null
  #beats: Repeating | null = null
  #closed = false

  constructor(deps: PresenceDeps) {
    this.#deps = deps
    this.#outages = new OutageLog(
      {
        away: 'other processes could not be told who is here',
        still: 'other processes still cannot be told who is here',
        back: 'other processes are told again who is here',
      },
      deps,
    )
  }

  /** Begins to hear the others. @throws what the transport throws when it cannot receive at all */
  async open(): Promise<void> {
    const { clock, log, transport } = this.#deps
    if (transport === null) return
    const ask = () => this.#send({ node: this.#node, type: 'ask', of: '*' })
    this.#receiving = await transport.receive((text) => this.#receive(text), ask)
    ask()
    this.#beats = repeat(async () => this.#beat(), {
      clock,
      everyMs: BEAT_MS,
      onError: (err) => log.error({ err }, 'presence could not be looked after'),
    })
  }

  /** A connection has come into a channel. */
  join(key: string, name: MemberName): void {
    const place = placeOf(key, name)
    const count = (this.#own.get(place) ?? 0) + 1
    this.#own.set(place, count)
    if (count === 1) this.#changed(key, name, 1)
  }

  /** A connection has left a channel. */
  leave(key: string, name: MemberName): void {
    const place = placeOf(key, name)
    const count = (this.#own.get(place) ?? 0) - 1
    if (count > 0) this.#own.set(place, count)
    else if (this.#own.delete(place)) this.#changed(key, name, 0)
  }

  /** Who is in a channel, in any process, as far as is known here. */
  members(key: string): MemberName[] {
    return [...(this.#members.get(key)?.keys() ?? [])]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { transport } = this.#deps
    this.#closed = true
    await this.#beats?.[Symbol.asyncDispose]()
    if (transport === null) return
    await transport.send(JSON.stringify({ node: this.#node, type: 'bye' })).catch(() => undefined)
    await this.#receiving?.[Symbol.asyncDispose]()
    await transport[Symbol.asyncDispose]()
  }

  #changed(key: string, name: MemberName, isIn: 0 | 1): void {
    this.#count(key, name, isIn)
    this.#outgoing.push([key, name, isIn])
    this.#gather()
  }

  /** One process more, or less, has a member. */
  #count(key: string, name: MemberName, isIn: 0 | 1): void {
    const names = this.#members.get(key) ?? new Map<MemberName, number>()
    const before = names.get(name) ?? 0
    const after = Math.max(0, before + (isIn === 1 ? 1 : -1))
    if (after === 0) names.delete(name)
    else names.set(name, after)
    if (names.size === 0) this.#members.delete(key)
    else this.#members.set(key, names)
    if (before > 0 === after > 0) return
    const told = this.#told.get(key) ?? new Map<MemberName, boolean>()
    this.#told.set(key, told)
    // Who comes and goes, or goes and comes, within a moment did neither.
    if (!told.delete(name)) told.set(name, after > 0)
    this.#gather()
  }

  #gather(): void {
    if (this.#gathering || this.#closed) return
    this.#gathering = true
    const over = () => {
      this.#gathering = false
      this.#tell()
    }
    this.#deps.clock.sleep(GATHER_MS).then(over, over)
  }

  #tell(): void {
    for (const [key, told] of this.#told) {
      const joined = [...told].filter(([, isIn]) => isIn).map(([name]) => name)
      const left = [...told].filter(([, isIn]) => !isIn).map(([name]) => name)
      if (told.size > 0) this.#deps.onChange({ key, joined, left })
    }
    this.#told.clear()
    const changes = this.#outgoing
    this.#outgoing = []
    if (this.#deps.transport === null) return
    for (const part of partsOf(changes)) {
      this.#number += 1
      this.#send({ node: this.#node, number: this.#number, type: 'change', changes: part })
    }
  }

  #beat(): void {
    this.#send({ node: this.#node, number: this.#number, type: 'beat' })
    const nowMs = this.#deps.clock.now()
    for (const [node, { heardMs }] of this.#others) if (nowMs - heardMs >= GONE_AFTER_MS) this.#forget(node)
  }

  #sendAll(): void {
    const members = [...this.#own.keys()].map((place): Change => {
      const [key = '', name = ''] = place.split('\n')
      return [key, name, 1]
    })
    const parts = partsOf(members)
    const number = this.#number
    const count = Math.max(1, parts.length)
    for (let part = 0; part < count; part++) {
      this.#send({ node: this.#node, number, type: 'all', part, parts: count, members: parts[part] ?? [] })
    }
  }

  #send(message: Message): void {
    this.#deps.transport?.send(JSON.stringify(message)).then(
      () => this.#outages.worked(),
      (err: unknown) => this.#outages.failed(err),
    )
  }

  #receive(text: string): void {
    try {
      this.#hear(JSON.parse(text) as Message)
    } catch (err) {
      this.#deps.log.warn({ err }, 'a message about who is here could not be read')
    }
  }

  #hear(message: Message): void {
    const { node } = message
    if (node === this.#node) return
    if (message.type === 'bye') {
      this.#forget(node)
      return
    }
    const other = this.#others.get(node) ?? { number: null, heardMs: 0, members: new Set(), parts: null }
    this.#others.set(node, other)
    other.heardMs = this.#deps.clock.now()
    if (message.type === 'ask') {
      if (message.of === '*' || message.of === this.#node) this.#sendAll()
    } else if (message.type === 'change') this.#takeChange(other, message)
    else if (message.type === 'all') this.#takeAll(other, message)
    else if (other.number !== message.number) this.#send({ node: this.#node, type: 'ask', of: node })
  }

  #takeChange(other: Other, { changes, node, number }: Message & { readonly type: 'change' }): void {
    if (other.number !== number - 1) {
      if (other.number !== null && number <= other.number) return
      // What came in between is missing: the next beat asks, unless somebody did already.
      if (other.number !== null) this.#send({ node: this.#node, type: 'ask', of: node })
      other.number = null
      return
    }
    other.number = number
    for (const [key, name, isIn] of changes) this.#set(other, key, name, isIn)
  }

  /** Everybody of a process, once all parts are there. */
  #takeAll(other: Other, { members, number, part, parts }: Message & { readonly type: 'all' }): void {
    if (other.parts?.number !== number) other.parts = { number, seen: new Map() }
    other.parts.seen.set(part, members)
    if (other.parts.seen.size < parts) return
    const now = [...other.parts.seen.values()].flat()
    other.parts = null
    other.number = number
    const places = new Set(now.map(([key, name]) => placeOf(key, name)))
    for (const place of [...other.members]) {
      const [key = '', name = ''] = place.split('\n')
      if (!places.has(place)) this.#set(other, key, name, 0)
    }
    for (const [key, name] of now) this.#set(other, key, name, 1)
  }

  #set(other: Other, key: string, name: MemberName, isIn: 0 | 1): void {
    const place = placeOf(key, name)
    if (other.members.has(place) === (isIn === 1)) return
    if (isIn === 1) other.members.add(place)
    else other.members.delete(place)
    this.#count(key, name, isIn)
  }

  #forget(node: string): void {
    const other = this.#others.get(node)
    if (other === undefined) return
    this.#others.delete(node)
    for (const place of other.members) {
      const [key = '', name = ''] = place.split('\n')
      this.#count(key, name, 0)
    }
  }
}

/** As much as one message carries, at a time. */
function partsOf(changes: readonly Change[]): Change[][] {
  const parts: Change[][] = []
  let bytes = MESSAGE_BYTES
  for (const change of changes) {
    const own = Buffer.byteLength(change[0]) + Buffer.byteLength(change[1]) + 10
    if (bytes + own > MESSAGE_BYTES) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)?.push(change)
    bytes += own
  }
  return parts
}
