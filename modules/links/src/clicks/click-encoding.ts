/*
 * Clicks as PostgreSQL takes arrays in binary (array_recv): some thousand at once, so a byte saved here is saved for each
 * redirect. As text, the same arrays cost a redirect more than everything else that it does here.
 *
 *   array     int32 dimensions = 1 · int32 has nulls · int32 OID of the elements · int32 length · int32 first index = 1
 *   element   int32 bytes (-1: NULL) · the bytes
 */
import { randomBytes } from 'node:crypto'
import type { ClickDetails } from '../analytics/click-details.ts'
import type { Click } from './clicks.ts'

const OID = { bool: 16, int8: 20, text: 25, timestamptz: 1184, uuid: 2950 }
const HEAD = 20
/** Between 1970 and 2000, where PostgreSQL's time begins, in milliseconds. */
const EPOCH_MS = 946_684_800_000
/** Fills the ids of this process up: what two processes have in common is no more than the time and a counter. */
const own = randomBytes(6)

/** The columns of clicks, as binary arrays. */
export interface EncodedClicks {
  readonly ids: Buffer
  readonly links: Buffer
  readonly times: Buffer
  readonly bots: Buffer
  readonly referrerHosts: Buffer
  readonly profiles: Buffer
  readonly visitors: Buffer
}

/** Encodes clicks. The same ones become the same bytes again, ids too. */
export function encodeClicks(clicks: readonly Click[], details: ClickDetails): EncodedClicks {
  const ids = fixed(OID.uuid, clicks.length, 16)
  const links = fixed(OID.uuid, clicks.length, 16)
  const times = fixed(OID.timestamptz, clicks.length, 8)
  const bots = fixed(OID.bool, clicks.length, 1)
  for (let index = 0; index < clicks.length; index++) {
    const click = clicks[index] as Click
    const at = HEAD + index * 20
    ids.writeInt32BE(16, at)
    writeId(ids, at + 4, click.at, click.number)
    links.writeInt32BE(16, at)
    links.set(click.link, at + 4)
    const time = HEAD + index * 12
    times.writeInt32BE(8, time)
    writeTime(times, time + 4, click.at)
    const bot = HEAD + index * 5
    bots.writeInt32BE(1, bot)
    bots[bot + 4] = click.agent.isBot ? 1 : 0
  }
  const profiles = values(OID.text, details.profiles)
  const visitors = values(OID.int8, details.visitors)
  return { ids, links, times, bots, referrerHosts: texts(clicks), profiles, visitors }
}

/** The 16 bytes of a UUID. */
export function uuidBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

function fixed(oid: number, length: number, bytes: number): Buffer {
  const array = Buffer.allocUnsafe(HEAD + length * (4 + bytes))
  writeHead(array, oid, length, false)
  return array
}

function writeHead(array: Buffer, oid: number, length: number, nulls: boolean): void {
  array.writeInt32BE(1, 0)
  array.writeInt32BE(nulls ? 1 : 0, 4)
  array.writeInt32BE(oid, 8)
  array.writeInt32BE(length, 12)
  array.writeInt32BE(1, 16)
}

function texts(clicks: readonly Click[]): Buffer {
  let bytes = HEAD + 4 * clicks.length
  for (const { referrerHost } of clicks) if (referrerHost !== null) bytes += referrerHost.length
  const array = Buffer.allocUnsafe(bytes)
  writeHead(array, OID.text, clicks.length, true)
  let at = HEAD
  for (const { referrerHost } of clicks) {
    if (referrerHost === null) at = array.writeInt32BE(-1, at)
    else {
      at = array.writeInt32BE(referrerHost.length, at)
      // The host of a parsed address is ASCII.
      at += array.write(referrerHost, at, 'latin1')
    }
  }
  return array
}

/** Values that are bytes already, or not there. */
function values(oid: number, given: readonly (Buffer | null)[]): Buffer {
  let bytes = HEAD + 4 * given.length
  for (const value of given) if (value !== null) bytes += value.length
  const array = Buffer.allocUnsafe(bytes)
  writeHead(array, oid, given.length, true)
  let at = HEAD
  for (const value of given) {
    at = array.writeInt32BE(value === null ? -1 : value.length, at)
    if (value === null) continue
    array.set(value, at)
    at += value.length
  }
  return array
}

/** A UUIDv7 (RFC 9562, section 5.7): the time, the number of the click in this process, and bits of the process. */
function writeId(ids: Buffer, at: number, ms: number, number: number): void {
  ids.writeUIntBE(ms, at, 6)
  ids[at + 6] = 0x70 | (number >>> 28)
  ids[at + 7] = number >>> 20
  ids[at + 8] = 0x80 | ((number >>> 14) & 0x3f)
  ids[at + 9] = number >>> 6
  ids[at + 10] = ((number & 0x3f) << 2) | ((own[5] as number) & 0x03)
  ids[at + 11] = own[0] as number
  ids[at + 12] = own[1] as number
  ids[at + 13] = own[2] as number
  ids[at + 14] = own[3] as number
  ids[at + 15] = own[4] as number
}

/** Microseconds since 2000, 64 bits. */
function writeTime(times: Buffer, at: number, ms: number): void {
  const us = (ms - EPOCH_MS) * 1_000
  const high = Math.floor(us / 2 ** 32)
  times.writeInt32BE(high, at)
  times.writeUInt32BE(us - high * 2 ** 32, at + 4)
}
