import type { MemoryValue } from './memory-level.ts'
import type { ResolvedOptions } from './options.ts'

/** How a value is kept. */
export interface EntryOptions<T> {
  /**
   * What the value depends on: dropping any of these drops it. Names of 1–200 characters, at most 64; a function where
   * they are known from the value alone (of a negative entry: from undefined).
   */
  readonly tags: readonly string[] | ((value: T) => readonly string[])
  /**
   * How long it is fresh, in milliseconds; a function where that depends on the value, and 0 or less keeps nothing. A
   * safety net: drops make it fresh.
   */
  readonly ttlMs: number | ((value: T) => number)
  /**
   * How long after that it may be given out while it is loaded anew, in milliseconds. What was dropped is never given
   * out. Default 0: whoever comes after the time waits.
   */
  readonly staleMs?: number
  /** How long it is kept that there is nothing (`undefined`), in milliseconds. Default 0: not at all. */
  readonly negativeMs?: number
  /** The version of the value's shape, a whole number; another one is another entry. Default 0. */
  readonly version?: number
  /**
   * Passes the cache by, this once: the value is loaded, and what is kept is neither looked at nor changed. Default
   * false.
   */
  readonly bypass?: boolean
}

/** How one value is kept. */
export interface Terms {
  readonly tags: readonly string[]
  /** 0: it is not kept. */
  readonly freshMs: number
  readonly staleMs: number
}

const MAX_TAGS = 64
const MAX_TAG_LENGTH = 200
const MAX_VERSION = 1_000_000_000

/**
 * Checks what can be checked before there is a value.
 *
 * @throws TypeError, RangeError: mistakes of the program
 */
export function checkEntry<T>(key: string, options: EntryOptions<T>, limits: ResolvedOptions): void {
  if (typeof key !== 'string') throw new TypeError('a key is a string')
  const { negativeMs = 0, staleMs = 0, tags, ttlMs, version = 0 } = options
  if (!(Number.isInteger(version) && version >= 0 && version <= MAX_VERSION)) {
    throw new RangeError(`version must be a whole number from 0 to ${MAX_VERSION} (got ${version})`)
  }
  checkLife('staleMs', staleMs, 0, limits.maxTtlMs)
  checkLife('negativeMs', negativeMs, 0, limits.maxTtlMs)
  if (typeof ttlMs !== 'function') checkLife('ttlMs', ttlMs, 1, limits.maxTtlMs - staleMs)
  if (typeof tags !== 'function') checkTags(tags)
}

/**
 * The terms of a loaded value. @throws what the caller's functions throw, and TypeError or RangeError for what they
 * return
 */
export function termsOf<T>(value: T, options: EntryOptions<T>, limits: ResolvedOptions): Terms {
  const tags = typeof options.tags === 'function' ? options.tags(value) : options.tags
  if (typeof options.tags === 'function') checkTags(tags)
  if (value === undefined) return { tags, freshMs: options.negativeMs ?? 0, staleMs: 0 }
  const { staleMs = 0 } = options
  if (typeof options.ttlMs !== 'function') return { tags, freshMs: options.ttlMs, staleMs }
  const freshMs = options.ttlMs(value)
  if (Number.isNaN(freshMs)) throw new RangeError('ttlMs is not a number')
  return { tags, freshMs: Math.max(0, Math.min(freshMs, limits.maxTtlMs - staleMs)), staleMs }
}

function checkLife(name: string, ms: number, min: number, max: number): void {
  if (typeof ms === 'number' && ms >= min && ms <= max) return
  throw new RangeError(`${name} must be from ${min} to ${max} milliseconds (got ${String(ms)})`)
}

/** Any number of tags. @throws TypeError when they are not tags */
export function checkDropped(tags: readonly string[]): void {
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string' && tag !== '')) return
  throw new TypeError('what is dropped is an array of tags, which are not empty')
}

function checkTags(tags: readonly string[]): void {
  if (!Array.isArray(tags) || tags.length > MAX_TAGS)
    throw new TypeError(`tags must be an array of at most ${MAX_TAGS}`)
  for (const tag of tags) {
    if (typeof tag === 'string' && tag.length >= 1 && tag.length <= MAX_TAG_LENGTH) continue
    throw new TypeError(`a tag is a string of 1 to ${MAX_TAG_LENGTH} characters`)
  }
}

/** How many times the loading time before the end a refresh becomes possible at all: e^-20 is never. */
const EARLIEST = 20

/**
 * Whether to load a fresh value anew already, so that at its end nobody has to wait (XFetch: Vattani, Chierichetti,
 * Lowenstein, VLDB 2015).
 *
 * @param eagerness β; 0 never
 */
export function isDueEarly(
  kept: Pick<MemoryValue, 'freshUntil' | 'spentMs'>,
  now: number,
  eagerness: number,
  random: () => number,
): boolean {
  const left = kept.freshUntil - now
  const scale = kept.spentMs * eagerness
  return left <= scale * EARLIEST && left <= -scale * Math.log(1 - random())
}
