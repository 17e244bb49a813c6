import type { Actor, Place } from '@stoa/kernel'
import type { Static, TSchema } from 'typebox'
import type { Position } from './position.ts'

/** What is appended. Made by {@link EventDefinition.of}. */
export interface EventInput {
  /** `link.created`: what it is about, then what happened, in the past tense. */
  readonly type: string
  /** Version of the shape of `data`, from 1. */
  readonly version: number
  /**
   * What the event is about, `kind:id`, the main one first. 1–4, each ≤ 200 characters, no two the same. The audit
   * trail is asked by them.
   */
  readonly subjects: readonly string[]
  /** As the definition says. At most 64 KiB of JSON. */
  readonly data: object
}

/** What is read. Immutable: an event may be shared by several readers of a process. */
export interface JournalEvent {
  /**
   * Unique in the database. Ascending inside a transaction; between transactions only {@link position} tells the order.
   */
  readonly id: number
  /** Where a reader stands when it has taken this event. */
  readonly position: Position
  readonly tenantId: string
  readonly type: string
  readonly version: number
  readonly subjects: readonly string[]
  readonly data: Readonly<Record<string, unknown>>
  readonly actor: Actor
  readonly requestId: string
  /** W3C trace id of the request, or null. */
  readonly traceId: string | null
  /** By the clock of the process that appended it, to the millisecond. */
  readonly at: Date
}

/** What the audit trail tells: the event, and what is for nobody but who reads the trail. */
export interface AuditEvent extends JournalEvent {
  /** Where the request came from; null where that was not kept: see {@link EventSpec.keepsPlace}. */
  readonly place: Place | null
}

/** One version of one event type. */
export interface EventDefinition<T extends TSchema = TSchema> {
  readonly type: string
  readonly version: number
  /** One sentence for the documentation: when it happens. */
  readonly description: string
  readonly data: T
  readonly keepsPlace?: boolean
  /** Makes this version's data of the version before. */
  readonly upcast?: (earlier: Readonly<Record<string, unknown>>) => Static<T> & object
  /** An event of this type, ready to append; it is validated there. */
  of(data: Static<T> & object, subjects: readonly string[]): EventInput
}

/** What {@link defineEvent} takes. */
export interface EventSpec<T extends TSchema> {
  /** Two or more words of small letters, digits and `_`, joined by dots: `link.created`. At most 100 characters. */
  readonly type: string
  /** From 1. */
  readonly version: number
  /** One sentence: when it happens. */
  readonly description: string
  /**
   * The shape of the data: an object. Published to whoever reads the event, so a change that takes something away is a
   * new version.
   */
  readonly data: T
  /**
   * Whether network and device of the request are kept with it, for the audit trail alone: for what gives or takes access,
   * or changes who may. They are of a person, and kept as long as the event. Default: false.
   */
  readonly keepsPlace?: boolean
  /**
   * Makes this version's data of the version before (which need not be defined any more). With it, readers only ever
   * see this version.
   */
  readonly upcast?: (earlier: Readonly<Record<string, unknown>>) => Static<T> & object
}

const TYPE = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/

/**
 * Defines a version of an event type.
 *
 * @throws TypeError when the type or the version is malformed
 * @example
 * const linkCreated = defineEvent({
 *   type: 'link.created', version: 1, description: 'A short link was created.',
 *   data: Type.Object({ code: Type.String(), target: Type.String() }),
 * })
 * journal.append(ctx, tx, linkCreated.of({ code: 'abc', target: 'https://example.org/' }, [`link:${id}`]))
 */
export function defineEvent<const T extends TSchema>(spec: EventSpec<T>): EventDefinition<T> {
  const { type, version } = spec
  if (!TYPE.test(type) || type.length > 100) throw new TypeError(`event type '${type}' is not like 'link.created'`)
  if (!Number.isInteger(version) || version < 1 || version > 32_767) {
    throw new TypeError(`version of event '${type}' must be a whole number from 1 to 32767`)
  }
  return Object.freeze({
    ...spec,
    of: (data: object, subjects: readonly string[]) => ({ type, version, subjects, data }),
  })
}
