/*
 * Whose address a call comes from. `X-Forwarded-For` is written by anybody, so it is read from its right end only, and
 * only as far as the hops are proxies that are trusted: the first address that is not one of them is the client.
 * Nothing to the left of it is looked at.
 *
 * A caller with IPv6 has a whole /64 to choose addresses from, so a /64 is one caller. An IPv4 address that comes as
 * IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
 */
import { isIPv4, isIPv6 } from 'node:net'

/** Hops that are looked at. A longer chain of trusted proxies does not exist; a longer header does. */
const MAX_HOPS = 32
/** Hops are at most this long: an IPv6 address with a zone and a port in quotes. */
const MAX_HOP_LENGTH = 128
const MAX_REMEMBERED = 10_000

/** Eight groups of 16 bits; IPv4 as `::ffff:a.b.c.d`. */
type Groups = readonly number[]

interface Network {
  readonly groups: Groups
  readonly bits: number
}

/** Finds the client's address behind proxies. */
export class ClientAddress {
  readonly #trusted: readonly Network[]

  /**
   * @param trusted addresses and CIDR ranges of the proxies in front, such as `10.0.0.0/8` or `::1`
   * @throws RangeError for what is neither
   */
  constructor(trusted: readonly string[]) {
    this.#trusted = trusted.map(networkOf)
  }

  /**
   * The client's address.
   *
   * @param peer who is at the other end of the connection
   * @param forwardedFor the header `X-Forwarded-For`
   */
  of(peer: string, forwardedFor: string | readonly string[] | undefined): string {
    if (this.#trusted.length === 0 || forwardedFor === undefined) return peer
    const header = typeof forwardedFor === 'string' ? forwardedFor : forwardedFor.join(',')
    let client = peer
    let end = header.length
    for (let hops = 0; hops < MAX_HOPS && end >= 0 && this.trusts(client); hops++) {
      const comma = header.lastIndexOf(',', end - 1)
      if (end - comma > MAX_HOP_LENGTH) break
      const hop = hopOf(header.slice(comma + 1, end))
      // What a trusted proxy did not understand cannot be believed, nor what stands before it.
      if (hop === null) break
      client = hop
      end = comma
    }
    return client
  }

  /** Whether it is the address of a trusted proxy. */
  trusts(address: string): boolean {
    const groups = groupsOf(address)
    return groups !== null && this.#trusted.some((network) => contains(network, groups))
  }
}

const remembered = new Map<string, string>()

/** What one caller is limited by: IPv4 as it is, IPv6 as its /64 (`2001:db8:0:1::/64`), anything else as it is. */
export function callerOf(address: string): string {
  let caller = remembered.get(address)
  if (caller === undefined) {
    const groups = groupsOf(address)
    caller = groups === null ? address : textOf(groups)
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    if (address.length <= MAX_HOP_LENGTH) remembered.set(address, caller)
  }
  return caller
}

function textOf(groups: Groups): string {
  if (isMapped(groups)) {
    const [high = 0, low = 0] = groups.slice(6)
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
  }
  const network = groups.slice(0, 4).map((group) => group.toString(16))
  return `${network.join(':')}::/64`
}

function isMapped(groups: Groups): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)
}

/** An address out of a hop: `192.0.2.1`, `192.0.2.1:80`, `"[2001:db8::1]:80"`, `2001:db8::1`. */
function hopOf(text: string): string | null {
  let hop = text.trim()
  if (hop.startsWith('"') && hop.endsWith('"')) hop = hop.slice(1, -1)
  const bracketed = /^\[([^\]]*)\](:\d{1,5})?$/.exec(hop)
  if (bracketed) hop = bracketed[1] ?? ''
  else if (/^[\d.]+:\d{1,5}$/.test(hop)) hop = hop.slice(0, hop.indexOf(':'))
  return groupsOf(hop) === null ? null : hop
}

function groupsOf(address: string): Groups | null {
  if (isIPv4(address)) return [0, 0, 0, 0, 0, 0xffff, ...quadOf(address)]
  const zone = address.indexOf('%')
  const plain = zone < 0 ? address : address.slice(0, zone)
  return isIPv6(plain) ? expand(plain) : null
}

function expand(address: string): Groups {
  const [left = '', right] = address.split('::')
  const head = partsOf(left)
  if (right === undefined) return head
  const tail = partsOf(right)
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

function partsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((part) => (part.includes('.') ? quadOf(part) : [Number.parseInt(part, 16)]))
}

function quadOf(text: string): [number, number] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}

function networkOf(text: string): Network {
  const [address = '', length, ...more] = text.split('/')
  const groups = groupsOf(address)
  const offset = isIPv4(address) ? 96 : 0
  const bits = length === undefined ? 128 : Number(length) + offset
  const sound =
    groups !== null && more.length === 0 && (length === undefined || /^\d{1,3}$/.test(length)) && bits <= 128
  if (!sound) throw new RangeError(`a trusted proxy is an address or a range such as 10.0.0.0/8 (got '${text}')`)
  return { groups, bits }
}

function contains({ groups, bits }: Network, address: Groups): boolean {
  for (let index = 0; index * 16 < bits; index++) {
    const shift = Math.max(0, 16 - (bits - index * 16))
    if ((groups[index] ?? 0) >> shift !== (address[index] ?? 0) >> shift) return false
  }
  return true
}
