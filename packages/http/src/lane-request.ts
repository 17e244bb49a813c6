/*
 * A strict reading of a request that came as one chunk: `GET`, a path, HTTP/1.1, header fields, the empty line, and nothing
 * before or behind. It reads what can mean but one thing and says null to all the rest, which Node's parser reads then; so
 * it has no opinion of its own on anything that two readers ever disagreed about: a bare CR or LF, a folded line, a blank
 * before the colon, bytes that are not ASCII, a body by whichever header, a field that counts here and comes twice.
 *
 * Only the fields that somebody looks at are kept, and each as a text of its own: a part of the chunk's text would keep all
 * of that in memory for whoever remembers it. The rest is looked at byte by byte and forgotten.
 */

/** What a lane is asked, by Node's parser or by {@link RequestReader}. */
export interface LaneRequest {
  readonly url?: string | undefined
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** What was read. */
export interface ReadRequest extends LaneRequest {
  readonly url: string
  readonly headers: Record<string, string>
}

/** Fields with which a request means something else, or ends elsewhere. */
const REFUSED = [
  'content-length',
  'expect',
  'http2-settings',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]
const ALWAYS = ['host', 'connection']

const MAX_FIELDS = 100
const [HTAB, LF, CR, SP, COLON] = [9, 10, 13, 32, 58]
const METHOD = Buffer.from('GET /')
const VERSION = Buffer.from(' HTTP/1.1\r\n')

/** The bytes of a name, in lower case; 0: not one of a name. */
const NAME = table("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz", (byte) => byte)
for (let letter = 65; letter <= 90; letter++) NAME[letter] = letter + 32
/** 1: a byte of an address. */
const VISIBLE = table(range(33, 126), () => 1)
/** 1: a byte of a value. */
const TEXT = table(`\t${range(32, 126)}`, () => 1)

interface Known {
  readonly name: string
  readonly bytes: Uint8Array
  readonly refused: boolean
}

/** As many places as {@link Known} names are kept in, by their hash. A power of two. */
const PLACES = 1_024

/** Reads requests. */
export class RequestReader {
  readonly #maxBytes: number
  readonly #known: readonly Known[][]

  /**
   * @param names header fields that somebody looks at, in lower case; the others are not kept
   * @param maxBytes what is longer is not read
   */
  constructor(names: Iterable<string>, maxBytes: number) {
    this.#maxBytes = maxBytes
    const known: Known[][] = Array.from({ length: PLACES }, () => [])
    for (const name of new Set([...names, ...ALWAYS, ...REFUSED])) {
      const bytes = Buffer.from(name)
      known[placeOf(bytes)]?.push({ name, bytes, refused: REFUSED.includes(name) })
    }
    this.#known = known
  }

  /** The request that the chunk is; null when it is anything else. */
  read(chunk: Buffer): ReadRequest | null {
    const end = chunk.length - 2
    if (end < METHOD.length || chunk.length > this.#maxBytes || !has(chunk, 0, METHOD)) return null
    let at = METHOD.length
    while (VISIBLE[chunk[at] as number] === 1) at++
    if (!has(chunk, at, VERSION) || chunk[end] !== CR || chunk[end + 1] !== LF) return null
    const headers = this.#fields(chunk, at + VERSION.length, end)
    return headers === null || headers.host === undefined ? null : { url: chunk.toString('latin1', 4, at), headers }
  }

  /** The fields between two places, which are the beginnings of lines. */
  #fields(chunk: Buffer, begin: number, end: number): Record<string, string> | null {
    const headers: Record<string, string> = {}
    let at = begin
    for (let fields = 0; at < end; fields++) {
      const colon = endOf(NAME, chunk, at)
      if (colon === at || chunk[colon] !== COLON || fields === MAX_FIELDS) return null
      const known = this.#knownAt(chunk, at, colon)
      const to = endOf(TEXT, chunk, colon + 1)
      if (chunk[to] !== CR || chunk[to + 1] !== LF) return null
      if (known !== null) {
        if (known.refused || headers[known.name] !== undefined) return null
        const value = textOf(chunk, colon + 1, to)
        if (known.name === 'connection' && value.toLowerCase() !== 'keep-alive') return null
        headers[known.name] = value
      }
      at = to + 2
    }
    // Beyond it: the empty line came earlier, or the last line has taken it.
    return at === end ? headers : null
  }

  #knownAt(chunk: Buffer, from: number, to: number): Known | null {
    const there = this.#known[placeOf(chunk, from, to)] as Known[]
    for (const known of there) if (isName(chunk, from, to, known.bytes)) return known
    return null
  }
}

/** The first place from which on something else begins. There is one: no table has CR. */
function endOf(bytes: Uint8Array, chunk: Buffer, from: number): number {
  let at = from
  while (bytes[chunk[at] as number] as number) at++
  return at
}

/** Without the blanks around it. */
function textOf(chunk: Buffer, from: number, to: number): string {
  let [first, end] = [from, to]
  while (first < end && isBlank(chunk[first] as number)) first++
  while (end > first && isBlank(chunk[end - 1] as number)) end--
  return chunk.toString('latin1', first, end)
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB
}

function placeOf(chunk: Uint8Array, from = 0, to = chunk.length): number {
  let hash = 0
  for (let at = from; at < to; at++) hash = (Math.imul(hash, 33) + (NAME[chunk[at] as number] as number)) | 0
  return hash & (PLACES - 1)
}

function isName(chunk: Buffer, from: number, to: number, name: Uint8Array): boolean {
  if (name.length !== to - from) return false
  for (let at = 0; at < name.length; at++) if (NAME[chunk[from + at] as number] !== name[at]) return false
  return true
}

function has(chunk: Buffer, at: number, bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (chunk[at + index] !== bytes[index]) return false
  return true
}

function table(characters: string, of: (byte: number) => number): Uint8Array {
  const bytes = new Uint8Array(256)
  for (const byte of Buffer.from(characters)) bytes[byte] = of(byte)
  return bytes
}

function range(first: number, last: number): string {
  return String.fromCharCode(...Array.from({ length: last - first + 1 }, (_, index) => first + index))
}
