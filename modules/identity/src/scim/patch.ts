/*
 * PATCH of SCIM (RFC 7644, 3.5.2): a list of operations, applied to the resource as it is shown. What comes out is what
 * the resource is to be; whoever calls this looks at what differs. Directories differ in how they write it: operations in
 * any case, booleans as text, values without a path, paths as names of values, attributes that nobody keeps.
 *
 *   attribute   what becomes of it
 *   kept        changed
 *   standard    left alone: a directory that maps more than is kept here is not refused for it
 *   read-only   refused where a path names it, left alone inside of a value (Okta sends the id along)
 *   unknown     refused
 */
import { StoaError } from '@stoa/kernel'
import { type Filter, matches, parseFilter, pathOf } from './filter.ts'
import { scimErrors } from './scim-errors.ts'

/** A resource, as SCIM shows it. */
export type Resource = Readonly<Record<string, unknown>>

/** What can be said of a kind of resource. */
export interface Attributes {
  /** As they are called. */
  readonly kept: readonly string[]
  readonly readOnly: readonly string[]
  /** What the standard knows besides. */
  readonly standard: readonly string[]
}

interface Operation {
  readonly op: 'add' | 'replace' | 'remove'
  readonly path: string | null
  readonly value: unknown
}

interface Target {
  /** As it is called in the resource. */
  readonly name: string
  readonly filter: Filter | null
  readonly sub: string | null
}

const MAX_OPERATIONS = 200
const MAX_PATH = 1_000
const EXTENSION = /^urn:ietf:params:scim:schemas:extension:/i
const PATH = /^([^[\]]+)(?:\[(.*)\](?:\.([A-Za-z$][A-Za-z0-9_$-]*))?)?$/s

/**
 * Applies a PATCH.
 *
 * @throws StoaError `scim_path_invalid`, `scim_value_invalid`, `scim_filter_invalid`, `scim_immutable`
 */
export function patched(resource: Resource, body: unknown, attributes: Attributes): Resource {
  let result: Resource = structuredClone(resource)
  for (const { op, path, value } of operationsOf(body)) {
    if (path !== null) {
      result = changed(result, op, targetOf(path, attributes, 'path'), value)
      continue
    }
    if (op === 'remove' || !isObject(value)) throw new StoaError(scimErrors.scim_value_invalid)
    for (const [name, one] of Object.entries(value)) {
      result = changed(result, op, targetOf(name, attributes, 'value'), one)
    }
  }
  return result
}

function operationsOf(body: unknown): Operation[] {
  const list = fieldOf(body, 'operations')
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_OPERATIONS) {
    const message = `\`Operations\` has from 1 to ${MAX_OPERATIONS} operations.`
    throw new StoaError(scimErrors.scim_value_invalid, { message })
  }
  return list.map((item: unknown) => {
    const op = String(fieldOf(item, 'op')).toLowerCase()
    const path = fieldOf(item, 'path') ?? null
    if (op !== 'add' && op !== 'replace' && op !== 'remove') {
      throw new StoaError(scimErrors.scim_value_invalid, { message: '`op` is add, replace or remove.' })
    }
    if (path !== null && typeof path !== 'string') throw new StoaError(scimErrors.scim_path_invalid)
    return { op, path, value: fieldOf(item, 'value') }
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What an object has of this name, in any case. @param name in lower case */
export function fieldOf(value: unknown, name: string): unknown {
  if (!isObject(value)) return undefined
  const key = Object.keys(value).find((one) => one.toLowerCase() === name)
  return key === undefined ? undefined : value[key]
}

/** What a path means; null: nothing that is kept. */
function targetOf(path: string, { kept, readOnly, standard }: Attributes, from: 'path' | 'value'): Target | null {
  if (path.length > MAX_PATH) throw new StoaError(scimErrors.scim_path_invalid)
  if (EXTENSION.test(path)) return null
  const [, whole, filter, behind] = PATH.exec(path) ?? []
  if (whole === undefined) throw new StoaError(scimErrors.scim_path_invalid)
  const [first = '', second] = pathOf(whole, scimErrors.scim_path_invalid)
  const part = second === undefined ? null : whole.slice(-second.length)
  const isIt = (one: string) => one.toLowerCase() === first
  const name = kept.find(isIt)
  if (name !== undefined) {
    return { name, filter: filter === undefined ? null : parseFilter(filter), sub: behind ?? part }
  }
  if (standard.some(isIt) || (from === 'value' && readOnly.some(isIt))) return null
  if (readOnly.some(isIt)) throw new StoaError(scimErrors.scim_immutable)
  throw new StoaError(scimErrors.scim_path_invalid, { message: `There is no '${first}' to change.` })
}

function changed(resource: Resource, op: Operation['op'], target: Target | null, value: unknown): Resource {
  if (target === null) return resource
  const { filter, name, sub } = target
  const now = resource[name]
  if (filter !== null) {
    const list = Array.isArray(now) ? now : []
    return { ...resource, [name]: listChanged(list, op, filter, sub, value) }
  }
  if (sub !== null) return { ...resource, [name]: partChanged(now, sub, op === 'remove' ? undefined : value) }
  if (op === 'remove') {
    // Some name the values to remove, instead of a filter.
    if (!Array.isArray(now) || !Array.isArray(value)) return { ...resource, [name]: undefined }
    const gone = new Set(value.map(keyOf))
    return { ...resource, [name]: now.filter((one) => !gone.has(keyOf(one))) }
  }
  if (op === 'add' && Array.isArray(now)) return { ...resource, [name]: [...now, ...[value].flat()] }
  // Parts that are not named stay.
  if (isObject(now) && isObject(value)) return { ...resource, [name]: { ...now, ...value } }
  return { ...resource, [name]: value }
}

function keyOf(one: unknown): unknown {
  return fieldOf(one, 'value') ?? one
}

/** `name.familyName`, and `emails.value`, which is said of each. */
function partChanged(now: unknown, sub: string, value: unknown): unknown {
  if (!Array.isArray(now)) return withPart(now, sub, value)
  return now.map((one) => withPart(one, sub, value))
}

function withPart(now: unknown, sub: string, value: unknown): Resource {
  const parts = isObject(now) ? now : {}
  const name = Object.keys(parts).find((one) => one.toLowerCase() === sub.toLowerCase()) ?? sub
  return { ...parts, [name]: value }
}

function listChanged(
  list: readonly unknown[],
  op: Operation['op'],
  filter: Filter,
  sub: string | null,
  value: unknown,
): unknown[] {
  const isMeant = meaningOf(filter)
  if (op === 'remove' && sub === null) return list.filter((item) => !isMeant(item))
  return list.map((item) => {
    if (!isMeant(item)) return item
    if (sub !== null) return withPart(item, sub, op === 'remove' ? undefined : value)
    return isObject(item) && isObject(value) ? { ...item, ...value } : value
  })
}

/** Groups are long, and are mostly asked for one member. */
function meaningOf(filter: Filter): (item: unknown) => boolean {
  const isPlain = filter.kind === 'compare' && filter.op === 'eq' && filter.path.join('.') === 'value'
  if (!isPlain || typeof filter.value !== 'string') return (item) => matches(filter, item)
  const wanted = filter.value.toLowerCase()
  return (item) => String((item as { readonly value?: unknown }).value).toLowerCase() === wanted
}
