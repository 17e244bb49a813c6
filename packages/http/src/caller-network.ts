const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/**
 * What callers without credentials are counted by: an IPv4 address, or the /64 network of an IPv6 address, because whoever has one address of
 * such a network has all 2^64 of them. An IPv4 address that is written as IPv6 is an IPv4 address.
 */
export function callerNetwork(ip: string): string {
  if (!ip.includes(':')) return ip
  const mapped = MAPPED.exec(ip)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = (ip.split('%', 1)[0] ?? '').toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail ? tail.split(':') : []
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array<string>(gap).fill('0'), ...right].slice(0, 4)
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
