/*
 * Ids are UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, 4 bits of version, 12 bits `rand_a`, 2 bits of variant,
 * 62 bits `rand_b`. Here `rand_a` and the first 20 bits of `rand_b` are one 32-bit counter (RFC 9562 §6.2, methods 1
 * and 2):
 *
 *   a new millisecond   the counter starts at a random value below 2^31 (the top bit is a guard against overflow)
 *   the same one        the counter grows by a random step of 1–64, so that a neighbour's id cannot be told
 *   the clock goes back the last millisecond is kept: ids never go back inside a process
 *   the counter is full the millisecond is advanced by one, ahead of the clock (at least 33 million ids later)
 *
 * The other 42 bits are fresh random bits for every id, so two processes that meet in one millisecond and one counter
 * value still differ. An id is not a secret: who holds one knows when it was made. Use a random token for what must not
 * be guessed.
 *
 * Randomness is bought from the system in blocks: a call per id costs ten times the id itself.
 */
import { randomFillSync } from 'node:crypto'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'

const RANDOM_BLOCK_BYTES = 4096
const MAX_TIME_MS = 2 ** 48 - 1
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

interface Generator {
  readonly random: Buffer
  /** The same bytes in hexadecimal: most of them become text as they are. */
  randomText: string
  used: number
  lastMs: number
  /** The part of an id that says `lastMs`, with its dashes. */
  timeText: string
  counter: number
}

/** Per process on purpose: order is promised inside a process, whoever asks. Nothing is drawn before the first id. */
const generator: Generator = {
  random: Buffer.alloc(RANDOM_BLOCK_BYTES),
  randomText: '',
  used: RANDOM_BLOCK_BYTES,
  lastMs: -1,
  timeText: '',
  counter: 0,
}

/**
 * A new id: a UUIDv7 in lower-case canonical form (36 characters).
 * Ids of one process are strictly increasing as strings, also when the clock goes back or many fall in one millisecond.
 *
 * @param clock where the time comes from; default {@link systemClock}
 */
export function newId(clock: Clock = systemClock): string {
  const at = reserve(generator, 11)
  advance(generator, clock.now(), at)
  const { counter, random, randomText, timeText } = generator
  return (
    timeText +
    byte(0x70 | (counter >>> 28)) +
    byte(counter >>> 20) +
    '-' +
    byte(0x80 | ((counter >>> 14) & 0x3f)) +
    byte(counter >>> 6) +
    '-' +
    byte(((counter & 0x3f) << 2) | (octet(random, at + 5) & 0x03)) +
    randomText.slice(2 * (at + 6), 2 * (at + 11))
  )
}

/** Whether `s` is an id as {@link newId} makes them: a lower-case canonical UUIDv7. Any other type or form is false. */
export function isId(s: unknown): s is string {
  return typeof s === 'string' && s.length === 36 && UUID.test(s)
}

/**
 * When the id was made, to the millisecond (of the clock it was made with; later by a little when ids ran ahead of it).
 *
 * @throws TypeError when `id` is not an id
 */
export function idTime(id: string): Date {
  if (!isId(id)) throw new TypeError('not an id: expected a lower-case UUIDv7')
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16))
}

function advance(state: Generator, nowMs: number, at: number): void {
  const now = Math.min(Math.max(0, Math.floor(nowMs)), MAX_TIME_MS)
  if (now > state.lastMs) {
    setTime(state, now)
    state.counter = seed(state.random, at)
    return
  }
  state.counter += 1 + (octet(state.random, at + 4) & 0x3f)
  if (state.counter > 0xffff_ffff) {
    setTime(state, state.lastMs + 1)
    state.counter = seed(state.random, at)
  }
}

function setTime(state: Generator, ms: number): void {
  const text = ms.toString(16).padStart(12, '0')
  state.lastMs = ms
  state.timeText = `${text.slice(0, 8)}-${text.slice(8)}-`
}

/** 31 random bits. */
function seed(random: Buffer, at: number): number {
  return (
    ((octet(random, at) & 0x7f) << 24) |
    (octet(random, at + 1) << 16) |
    (octet(random, at + 2) << 8) |
    octet(random, at + 3)
  )
}

function reserve(state: Generator, bytes: number): number {
  if (state.used + bytes > RANDOM_BLOCK_BYTES) {
    randomFillSync(state.random)
    state.randomText = state.random.toString('hex')
    state.used = 0
  }
  const at = state.used
  state.used += bytes
  return at
}

function octet(random: Buffer, at: number): number {
  return random[at] ?? 0
}

function byte(value: number): string {
  return hex[value & 0xff] ?? ''
}
