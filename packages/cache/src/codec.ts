/*
 * An entry as bytes:
 *
 *   0      format, 1
 *   1      kind of the value, with the highest bit when it is compressed
 *   2–5    length of the head, big endian
 *   6–9    length of the value before compression, big endian
 *   10–    head (JSON), value
 *
 * JSON where it gives the value back exactly, because it is the fastest; bytes as they are; V8's own form for dates,
 * maps, big integers and the like. What cannot be read (another format, another version of V8, damage) is an error, and
 * an error is a miss.
 */
import { promisify } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { deflateRaw, inflateRaw } from 'node:zlib'

/** What is kept beside a value. */
export interface EntryHead {
  readonly tags: readonly string[]
  readonly freshMs: number
  readonly staleMs: number
  readonly spentMs: number
  /** What the load was sure to see, in the words of the witness; absent without one. */
  readonly seen?: string
}

/** How values become bytes. */
export interface CodecLimits {
  /** Longer values are compressed, in bytes. */
  readonly compressOverBytes: number
  /** Values that would take more bytes than this are neither written nor read. */
  readonly maxBytes: number
}

/** The bytes are no entry that this program can read. */
export class Undecodable extends Error {
  override readonly name = 'Undecodable'
}

const FORMAT = 1
const PREAMBLE_BYTES = 10
const COMPRESSED = 0x80
const KINDS = { nothing: 0, json: 1, v8: 2, buffer: 3, bytes: 4 } as const

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)

/**
 * The bytes of an entry; null when they would be too many.
 *
 * @param json whether JSON gives the value back exactly
 */
export async function encodeEntry(
  value: unknown,
  json: boolean,
  head: EntryHead,
  limits: CodecLimits,
): Promise<Buffer | null> {
  const [kind, plain] = encodeValue(value, json)
  if (plain.length > limits.maxBytes) return null
  const packed = plain.length > limits.compressOverBytes ? await deflate(plain, { level: 1 }) : plain
  const compressed = packed.length < plain.length
  const headBytes = Buffer.from(JSON.stringify(head))
  const preamble = Buffer.alloc(PREAMBLE_BYTES)
  preamble[0] = FORMAT
  preamble[1] = kind | (compressed ? COMPRESSED : 0)
  preamble.writeUInt32BE(headBytes.length, 2)
  preamble.writeUInt32BE(plain.length, 6)
  return Buffer.concat([preamble, headBytes, compressed ? packed : plain])
}

/** @throws Undecodable, whatever is wrong with the bytes */
export async function decodeEntry(
  bytes: Buffer,
  limits: CodecLimits,
): Promise<{ readonly head: EntryHead; readonly value: unknown }> {
  try {
    return await decode(bytes, limits)
  } catch (cause) {
    throw cause instanceof Undecodable ? cause : new Undecodable('an entry cannot be read', { cause })
  }
}

function encodeValue(value: unknown, json: boolean): readonly [kind: number, bytes: Buffer] {
  if (value === undefined) return [KINDS.nothing, Buffer.alloc(0)]
  if (json) return [KINDS.json, Buffer.from(JSON.stringify(value))]
  if (Buffer.isBuffer(value)) return [KINDS.buffer, value]
  if (value instanceof Uint8Array) return [KINDS.bytes, Buffer.from(value.buffer, value.byteOffset, value.byteLength)]
  return [KINDS.v8, serialize(value)]
}

async function decode(bytes: Buffer, limits: CodecLimits) {
  if (bytes.length < PREAMBLE_BYTES || bytes[0] !== FORMAT) throw new Undecodable('an entry of another format')
  const headEnd = PREAMBLE_BYTES + bytes.readUInt32BE(2)
  const plainLength = bytes.readUInt32BE(6)
  if (headEnd > bytes.length || plainLength > limits.maxBytes) throw new Undecodable('an entry of impossible lengths')
  const head = checkedHead(JSON.parse(bytes.toString('utf8', PREAMBLE_BYTES, headEnd)))
  const rest = bytes.subarray(headEnd)
  const flags = bytes[1] as number
  const plain = flags & COMPRESSED ? await inflate(rest, { maxOutputLength: plainLength + 1 }) : rest
  if (plain.length !== plainLength) throw new Undecodable('an entry that was cut')
  return { head, value: decodeValue(flags & ~COMPRESSED, plain) }
}

function decodeValue(kind: number, plain: Buffer): unknown {
  switch (kind) {
    case KINDS.nothing:
      return undefined
    case KINDS.json:
      return JSON.parse(plain.toString())
    case KINDS.v8:
      return deserialize(plain)
    case KINDS.buffer:
      return Buffer.from(plain)
    case KINDS.bytes:
      return new Uint8Array(plain)
    default:
      throw new Undecodable('a value of an unknown kind')
  }
}

function checkedHead(head: unknown): EntryHead {
  const { freshMs, seen = '', spentMs, staleMs, tags } = head as EntryHead
  const numbers = [freshMs, spentMs, staleMs]
  const good =
    numbers.every((one) => typeof one === 'number' && one >= 0) &&
    [seen, ...tags].every((text) => typeof text === 'string')
  if (!good) throw new Undecodable('an entry with a damaged head')
  return head as EntryHead
}
