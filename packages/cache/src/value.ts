/*
 * What can be cached: plain data. It is measured and frozen when it is stored, because every hit gives out the same
 * object, and the one that was loaded must be the same to its caller as the one that came from memory or from Redis.
 *
 * Instances of classes, functions and symbols are refused instead of being turned into something else on their way
 * through Redis. Nothing here uses the size of the text: measuring costs a walk, and in memory a value is larger than
 * its text.
 */

/** A value that can be stored. */
export interface Content {
  /** What it holds in memory, estimated, in bytes. */
  readonly bytes: number
  /** Whether JSON gives it back exactly. */
  readonly json: boolean
}

/** Why a value is not stored. */
export type Unstorable = 'too_big' | 'not_data'

/** How deep a value may be nested. */
const MAX_DEPTH = 100

const WIDE = /[\u0100-\uffff]/
const COSTS = { text: 24, number: 8, object: 56, property: 16, array: 32, item: 8, date: 96, bytes: 120, pair: 48 }

class Refusal extends Error {
  readonly reason: Unstorable

  constructor(reason: Unstorable) {
    super(reason)
    this.reason = reason
  }
}

/**
 * Measures a value.
 *
 * @param maxBytes values above this are refused, and the walk ends there
 */
export function contentOf(value: unknown, maxBytes: number): Content | Unstorable {
  const walk = new Walk(maxBytes)
  try {
    walk.visit(value, 0)
    return { bytes: walk.bytes, json: walk.json }
  } catch (error) {
    if (error instanceof Refusal) return error.reason
    throw error
  }
}

/**
 * Freezes a value whose content was measured, down to its last object. Dates, maps, sets and bytes cannot be frozen:
 * treat them as if they were.
 */
export function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return
  if (value instanceof Map) {
    for (const [key, item] of value) {
      freeze(key)
      freeze(item)
    }
  } else if (value instanceof Set) {
    for (const item of value) freeze(item)
  } else {
    Object.freeze(value)
    for (const key of Object.keys(value)) freeze((value as Record<string, unknown>)[key])
  }
}

class Walk {
  bytes = 0
  json = true
  readonly #maxBytes: number

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  visit(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.#text(value)
        return
      case 'number':
        this.#add(COSTS.number)
        if (!Number.isFinite(value) || Object.is(value, -0)) this.json = false
        return
      case 'boolean':
        this.#add(COSTS.number)
        return
      case 'undefined':
        this.#notJson(COSTS.number)
        return
      case 'bigint':
        this.#notJson(COSTS.text + value.toString(16).length / 2)
        return
      case 'object':
        if (value === null) this.#add(COSTS.number)
        else this.#object(value, depth)
        return
      default:
        throw new Refusal('not_data')
    }
  }

  #text(text: string): void {
    this.#add(COSTS.text + (WIDE.test(text) ? 2 : 1) * text.length)
  }

  #object(value: object, depth: number): void {
    if (depth >= MAX_DEPTH) throw new Refusal('not_data')
    if (Array.isArray(value)) {
      this.#add(COSTS.array + COSTS.item * value.length)
      for (let index = 0; index < value.length; index++) this.visit(value[index], depth + 1)
      return
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) this.#record(value as Record<string, unknown>, depth)
    else if (value instanceof Map || value instanceof Set) this.#collection(value, prototype, depth)
    else if (prototype === Date.prototype) this.#notJson(COSTS.date)
    else if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) {
      this.#notJson(COSTS.bytes + (value as Uint8Array).byteLength)
    } else throw new Refusal('not_data')
  }

  #record(value: Record<string, unknown>, depth: number): void {
    this.#add(COSTS.object)
    for (const key of Object.keys(value)) {
      this.#add(COSTS.property + key.length)
      this.visit(value[key], depth + 1)
    }
  }

  #collection(value: Map<unknown, unknown> | Set<unknown>, prototype: unknown, depth: number): void {
    if (prototype !== Map.prototype && prototype !== Set.prototype) throw new Refusal('not_data')
    this.#notJson(COSTS.object + COSTS.pair * value.size)
    for (const [key, item] of value.entries()) {
      this.visit(key, depth + 1)
      if (item !== key) this.visit(item, depth + 1)
    }
  }

  #notJson(bytes: number): void {
    this.json = false
    this.#add(bytes)
  }

  #add(bytes: number): void {
    this.bytes += bytes
    if (this.bytes > this.#maxBytes) throw new Refusal('too_big')
  }
}
