/**
 * Which addresses are places on the public internet. For IPv4: what is in no block of the IANA special-purpose registry
 * (RFC 6890) and is no multicast. For IPv6 only 2000::/3 is given out; of that, what carries an IPv4 address (6to4, Teredo)
 * or is kept for special purposes is none. Addresses that are IPv4 in another dress (`::ffff:10.0.0.1`, `::10.0.0.1`,
 * NAT64) lie outside 2000::/3, so they are refused whatever they carry.
 */
import { BlockList, isIP } from 'node:net'

const special = new BlockList()
for (const block of [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]) {
  add(special, block, 'ipv4')
}
const given = new BlockList()
add(given, '2000::/3', 'ipv6')
const special6 = new BlockList()
for (const block of ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'])
  add(special6, block, 'ipv6')

function add(list: BlockList, block: string, family: 'ipv4' | 'ipv6'): void {
  const [network = '', prefix = ''] = block.split('/')
  list.addSubnet(network, Number(prefix), family)
}

/** Whether an address is a place on the public internet. Anything that is no address is none. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special.check(address, 'ipv4')
    case 6:
      return !address.includes('%') && given.check(address, 'ipv6') && !special6.check(address, 'ipv6')
    default:
      return false
  }
}
