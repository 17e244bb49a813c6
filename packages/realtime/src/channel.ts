/*
 * What a channel is. A module declares kinds: a pattern of names, who may follow, and which events of the journal appear
 * there. A channel exists as soon as somebody names it; it belongs to the tenant of whoever does, so that two tenants'
 * `links` are two channels.
 */

import type { Principal, RateLimit } from '@stoa/http'
import type { JournalEvent } from '@stoa/journal'
import { type Ctx, hasPermission, type Resource } from '@stoa/kernel'
import type { Static, TSchema } from 'typebox'

/** The values of a pattern's `{parameters}`. */
export type ChannelParams = Readonly<Record<string, string>>

/** A message that a client sent into a channel. */
export interface ChannelMessage<Data = unknown> {
  readonly channel: string
  readonly params: ChannelParams
  /** As the schema says. */
  readonly data: Data
}

/** How a channel takes messages of clients. */
export interface ChannelMessages<S extends TSchema = TSchema> {
  /** The shape of a message. */
  readonly schema: S
  /** What the sender needs, beside the channel's own permission. */
  readonly permission: string
  /** Of each caller over all channels of the kind. Default: 20 at once, 5 per second. */
  readonly rateLimit?: RateLimit
  /** Calls one verb. What others are to see of it, the verb appends to the journal. */
  handle(ctx: Ctx, message: ChannelMessage<Static<S>>): Promise<void> | void
}

/** A kind of channel. Made by {@link defineChannel}. */
export interface ChannelKind {
  /** `links`, or with parameters `link:{id}`: words and parameters between colons. */
  readonly pattern: string
  /** One sentence: what is to be seen there. */
  readonly description: string
  /** What whoever follows it needs. */
  readonly permission: string
  /** The one thing that a channel with parameters is about: then the permission on this thing alone is enough. */
  readonly resource?: (params: ChannelParams) => Resource
  /** Types of the events that appear there, in the tenant of the event. */
  readonly events: readonly string[]
  /**
   * The channels of this kind where an event appears. Default: for a pattern without parameters all of the events; for
   * one with parameters those of the event's subjects that fit it.
   */
  readonly channels?: (event: JournalEvent) => readonly string[]
  /** What is shown of an event in one of its channels. Default: its data. */
  readonly payload?: (event: JournalEvent, channel: string) => object
  /** Refuses somebody who has the permission, or a channel of nothing: it throws. Default: it lets everybody in. */
  readonly admit?: (ctx: Ctx, params: ChannelParams) => Promise<void> | void
  /** Whether who follows it can be seen by the others. Default false. */
  readonly presence?: boolean
  /** Default: it takes no messages. */
  readonly messages?: ChannelMessages
}

/** A channel that somebody named. */
export interface Channel {
  readonly name: string
  readonly kind: ChannelKind
  readonly params: ChannelParams
}

/** What an event looks like in a channel. */
export interface Appearance {
  readonly channel: string
  readonly kind: ChannelKind
}

/** Whether somebody may follow a channel, as far as permissions say. */
export function mayFollow(who: Pick<Principal, 'permissions' | 'grants'>, { kind, params }: Channel): boolean {
  return hasPermission(who, kind.permission, kind.resource?.(params))
}

const PATTERN = /^[a-z][a-z0-9-]*(:([a-z][a-z0-9-]*|\{[a-z][A-Za-z0-9]*\}))*$/
const PERMISSION = /^[a-z][a-zA-Z0-9-]*(:[a-z][a-zA-Z0-9]*)+$/
const NAME = /^[a-z][a-z0-9-]*(:[A-Za-z0-9._~-]{1,100})*$/
const MAX_NAME_LENGTH = 200

/**
 * Declares a kind of channel.
 *
 * @throws TypeError when pattern or permission are malformed
 * @example
 * const link = defineChannel({
 *   pattern: 'link:{id}', description: 'What happens to one link.', permission: 'links:read',
 *   events: ['link.updated', 'link.archived'],
 * })
 */
export function defineChannel<const S extends TSchema = TSchema>(
  spec: Omit<ChannelKind, 'messages'> & { readonly messages?: ChannelMessages<S> },
): ChannelKind {
  const { pattern, permission, description, messages } = spec
  const wrong = (what: string) => new TypeError(`channel '${pattern}': ${what}`)
  if (!PATTERN.test(pattern)) throw wrong(`its pattern is not like 'link:{id}'`)
  if (!PERMISSION.test(permission)) throw wrong(`the permission '${permission}' is not like 'links:read'`)
  if (messages && !PERMISSION.test(messages.permission)) {
    throw wrong(`the permission '${messages.permission}' is not like 'links:write'`)
  }
  if (description.trim() === '') throw wrong('it has no description')
  return Object.freeze(spec as ChannelKind)
}

interface Compiled {
  readonly kind: ChannelKind
  readonly match: RegExp
  readonly names: readonly string[]
}

/** Every kind of channel. */
export class Channels {
  readonly kinds: readonly ChannelKind[]
  readonly #compiled: readonly Compiled[]
  readonly #byType = new Map<string, Compiled[]>()

  /** @throws TypeError when two kinds have one pattern */
  constructor(kinds: readonly ChannelKind[]) {
    this.kinds = kinds
    this.#compiled = kinds.map(compile)
    const seen = new Set<string>()
    for (const compiled of this.#compiled) {
      const { source } = compiled.match
      if (seen.has(source)) throw new TypeError(`two kinds of channels are '${compiled.kind.pattern}'`)
      seen.add(source)
      for (const type of compiled.kind.events) this.#byType.set(type, [...(this.#byType.get(type) ?? []), compiled])
    }
  }

  /** The channel of a name; null when no kind fits. */
  find(name: unknown): Channel | null {
    if (typeof name !== 'string' || name.length > MAX_NAME_LENGTH || !NAME.test(name)) return null
    for (const { kind, match, names } of this.#compiled) {
      const found = match.exec(name)
      if (found === null) continue
      const params = Object.fromEntries(names.map((param, index) => [param, found[index + 1] as string]))
      return { name, kind, params }
    }
    return null
  }

  /** Where an event appears. @throws what a kind's `channels` throws */
  of(event: JournalEvent): Appearance[] {
    const found: Appearance[] = []
    for (const { kind, match, names } of this.#byType.get(event.type) ?? []) {
      const own = kind.channels?.(event) ?? (names.length === 0 ? [kind.pattern] : event.subjects)
      for (const channel of new Set(own)) if (match.test(channel)) found.push({ channel, kind })
    }
    return found
  }
}

function compile(kind: ChannelKind): Compiled {
  const names: string[] = []
  const source = kind.pattern.replace(/\{(\w+)\}/g, (_all, name: string) => {
    names.push(name)
    return '([A-Za-z0-9._~-]{1,100})'
  })
  return { kind, names, match: new RegExp(`^${source}$`) }
}
