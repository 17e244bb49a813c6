import { fitsJsonb } from '@stoa/db'
import { StoaError } from '@stoa/kernel'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/schema'
import { journalErrors } from './errors.ts'
import type { EventDefinition, EventInput } from './event.ts'

/** All events that a program knows. */
export interface EventRegistry {
  /** By type, then version: for the documentation. */
  readonly definitions: readonly EventDefinition[]
  /**
   * The data of an event as JSON text, after everything about the event was checked.
   *
   * @throws StoaError `event_not_defined`, `event_invalid`
   */
  encode(event: EventInput): string
  /** Whether the place of the request is kept with events of this type. */
  keepsPlace(event: EventInput): boolean
  /**
   * What was stored, brought to the newest version that upcasting reaches. An unknown type or version passes as it is.
   */
  decode(type: string, version: number, data: Data): { readonly version: number; readonly data: Data }
}

type Data = Readonly<Record<string, unknown>>

const MAX_SUBJECTS = 4
const MAX_SUBJECT_LENGTH = 200
const MAX_DATA_BYTES = 65_536
const SUBJECT = /^[a-z][A-Za-z0-9_]*:[^\s\p{C}]+$/u
const validators = new WeakMap<TSchema, Validator>()

/** Compiled when the first event of the type is appended: no program appends them all, and most are in a hurry to start. */
function validatorOf({ data }: EventDefinition): Validator {
  let validator = validators.get(data)
  if (validator === undefined) {
    validator = Compile(data) as Validator
    validators.set(data, validator)
  }
  return validator
}

/**
 * The registry of the given definitions.
 *
 * @throws TypeError when a version is defined twice
 */
export function createEventRegistry(definitions: readonly EventDefinition[]): EventRegistry {
  const entries = new Map<string, Map<number, EventDefinition>>()
  for (const definition of definitions) {
    const { type, version } = definition
    const versions = entries.get(type) ?? new Map<number, EventDefinition>()
    if (versions.has(version)) throw new TypeError(`event '${type}' version ${version} is defined twice`)
    versions.set(version, definition)
    entries.set(type, versions)
  }
  return Object.freeze({
    definitions: Object.freeze([...definitions].sort(byTypeAndVersion)),
    encode: (event: EventInput) => encode(entries, event),
    keepsPlace: ({ type, version }: EventInput) => entries.get(type)?.get(version)?.keepsPlace === true,
    decode: (type: string, version: number, data: Data) => decode(entries.get(type), version, data),
  })
}

function byTypeAndVersion(a: EventDefinition, b: EventDefinition): number {
  return a.type < b.type ? -1 : a.type > b.type ? 1 : a.version - b.version
}

function encode(entries: ReadonlyMap<string, ReadonlyMap<number, EventDefinition>>, event: EventInput): string {
  const definition = entries.get(event.type)?.get(event.version)
  if (!definition) {
    throw new StoaError(journalErrors.event_not_defined, { context: { type: event.type, version: event.version } })
  }
  checkSubjects(event)
  const validator = validatorOf(definition)
  if (!validator.Check(event.data)) throw invalid(event, validator.Errors(event.data)[1].slice(0, 5))
  const text = JSON.stringify(event.data)
  if (text.length > MAX_DATA_BYTES / 3 && Buffer.byteLength(text) > MAX_DATA_BYTES) {
    throw invalid(event, `data is larger than ${MAX_DATA_BYTES} bytes`)
  }
  if (!fitsJsonb(text)) throw invalid(event, 'data holds NUL or a lone surrogate')
  return text
}

function checkSubjects(event: EventInput): void {
  const { subjects } = event
  if (subjects.length < 1 || subjects.length > MAX_SUBJECTS || new Set(subjects).size !== subjects.length) {
    throw invalid(event, `an event names 1 to ${MAX_SUBJECTS} different subjects`)
  }
  for (const subject of subjects) {
    if (subject.length > MAX_SUBJECT_LENGTH || !SUBJECT.test(subject)) throw invalid(event, { subject })
  }
}

function invalid(event: EventInput, problem: unknown): StoaError {
  return new StoaError(journalErrors.event_invalid, {
    context: { type: event.type, version: event.version, problem },
  })
}

function decode(
  versions: ReadonlyMap<number, EventDefinition> | undefined,
  version: number,
  data: Data,
): { readonly version: number; readonly data: Data } {
  let current = { version, data }
  let next = versions?.get(version + 1)
  while (next?.upcast) {
    current = { version: next.version, data: next.upcast(current.data) as Data }
    next = versions?.get(current.version + 1)
  }
  return current
}
