/*
 * Small files of places in the format of MaxMind (MMDB 2.0): a search tree of 24-bit records, 16 zero bytes, the data, and
 * the metadata behind their mark. As the specification has them: https://maxmind.github.io/MaxMind-DB/
 */

type Value = string | number | readonly Value[] | { readonly [key: string]: Value }

const TYPES = { string: 2, map: 7, uint32: 6, array: 11 }

/**
 * Makes a file.
 *
 * @param places records by network of IPv4: `127.0.0.0/8`
 * @param ipVersion of the tree; in one of IPv6 the networks lie in ::/96
 */
export function mmdbFile(places: Readonly<Record<string, Value>>, ipVersion: 4 | 6, databaseType: string): Buffer {
  const nodes: [number | null, number | null][] = [[null, null]]
  const data: Buffer[] = []
  let size = 0
  const leaves: { node: number; bit: 0 | 1; offset: number }[] = []
  for (const [network, value] of Object.entries(places)) {
    const bits = bitsOf(network, ipVersion)
    let node = 0
    for (const [index, bit] of bits.entries()) {
      if (index === bits.length - 1) leaves.push({ node, bit, offset: size })
      else {
        nodes[node] ??= [null, null]
        const [...sides] = nodes[node] as [number | null, number | null]
        const next = sides[bit] ?? nodes.push([null, null]) - 1
        sides[bit] = next
        nodes[node] = sides
        node = next
      }
    }
    const bytes = encoded(value)
    data.push(bytes)
    size += bytes.length
  }
  for (const { bit, node, offset } of leaves) {
    const sides = nodes[node] as [number | null, number | null]
    sides[bit] = nodes.length + 16 + offset
  }
  const tree = Buffer.alloc(nodes.length * 6)
  // What leads nowhere leads to the number of nodes.
  for (const [index, [left, right]] of nodes.entries()) {
    tree.writeUIntBE(left ?? nodes.length, index * 6, 3)
    tree.writeUIntBE(right ?? nodes.length, index * 6 + 3, 3)
  }
  const metadata = encoded({
    node_count: nodes.length,
    record_size: 24,
    ip_version: ipVersion,
    database_type: databaseType,
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_767_225_600,
    description: { en: 'test' },
  })
  const mark = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from('MaxMind.com')])
  return Buffer.concat([tree, Buffer.alloc(16), ...data, mark, metadata])
}

function bitsOf(network: string, ipVersion: 4 | 6): (0 | 1)[] {
  const [address = '', prefix = ''] = network.split('/')
  const bytes = address.split('.').map(Number)
  const bits = bytes.flatMap((byte) => Array.from({ length: 8 }, (_, at) => ((byte >> (7 - at)) & 1) as 0 | 1))
  return [...Array.from({ length: ipVersion === 6 ? 96 : 0 }, () => 0 as const), ...bits.slice(0, Number(prefix))]
}

function encoded(value: Value): Buffer {
  if (typeof value === 'string')
    return Buffer.concat([head(TYPES.string, Buffer.byteLength(value)), Buffer.from(value)])
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([head(TYPES.uint32, 4), bytes])
  }
  if (Array.isArray(value)) return Buffer.concat([head(TYPES.array, value.length), ...value.map(encoded)])
  const entries = Object.entries(value as Record<string, Value>)
  return Buffer.concat([
    head(TYPES.map, entries.length),
    ...entries.flatMap(([key, one]) => [encoded(key), encoded(one)]),
  ])
}

function head(type: number, size: number): Buffer {
  if (size >= 29 + 256) throw new RangeError('too long for this')
  const [short, more] = size < 29 ? [size, []] : [29, [size - 29]]
  // Types above 7 are said by a second byte.
  return type <= 7 ? Buffer.from([(type << 5) | short, ...more]) : Buffer.from([short, type - 7, ...more])
}
