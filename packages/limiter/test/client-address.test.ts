import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientAddress, callerOf } from '@stoa/limiter'
import fc from 'fast-check'

describe('ClientAddress', () => {
  const behind = new ClientAddress(['10.0.0.0/8', '2001:db8:ffff::/48', '::1'])

  it('is the peer when no proxy is trusted, whatever the header says', () => {
    assert.equal(new ClientAddress([]).of('203.0.113.7', '198.51.100.1'), '203.0.113.7')
  })

  it('is the peer when that is not a trusted proxy: its header is forged', () => {
    assert.equal(behind.of('203.0.113.7', '198.51.100.1'), '203.0.113.7')
  })

  it('is the last hop that is not a trusted proxy', () => {
    assert.equal(behind.of('10.0.0.1', '198.51.100.1'), '198.51.100.1')
    assert.equal(behind.of('10.0.0.1', '198.51.100.1, 203.0.113.7, 10.1.2.3'), '203.0.113.7')
    assert.equal(behind.of('2001:db8:ffff::5', 'forged, 198.51.100.1'), '198.51.100.1')
    assert.equal(behind.of('::1', ['198.51.100.9', '203.0.113.7']), '203.0.113.7')
  })

  it('is the first proxy when there are only proxies, and the peer when there is no header', () => {
    assert.equal(behind.of('10.0.0.1', '10.0.0.3, 10.0.0.2'), '10.0.0.3')
    assert.equal(behind.of('10.0.0.1', undefined), '10.0.0.1')
    assert.equal(behind.of('10.0.0.1', ''), '10.0.0.1')
  })

  it('knows a proxy by its IPv4-mapped IPv6 address', () => {
    assert.equal(behind.of('::ffff:10.0.0.1', '198.51.100.1'), '198.51.100.1')
    assert.equal(behind.of('::ffff:a00:1', '198.51.100.1'), '198.51.100.1')
    assert.equal(new ClientAddress(['::ffff:10.0.0.0/104']).of('10.9.9.9', '198.51.100.1'), '198.51.100.1')
  })

  it('reads ports, brackets, quotes and blanks', () => {
    for (const [hop, address] of [
      ['198.51.100.1:4711', '198.51.100.1'],
      ['[2001:db8::1]:443', '2001:db8::1'],
      ['[2001:db8::1]', '2001:db8::1'],
      ['"[2001:db8::1]:443"', '2001:db8::1'],
      ['  198.51.100.1\t', '198.51.100.1'],
    ] as const) {
      assert.equal(behind.of('10.0.0.1', hop), address)
    }
  })

  it('believes nothing from a hop that is no address, nor what stands before it', () => {
    for (const hop of [
      'unknown',
      '_hidden',
      '',
      '256.1.1.1',
      '1.2.3',
      '198.51.100.1:port',
      '::1::',
      '[::1',
      "' or 1=1",
    ]) {
      assert.equal(behind.of('10.0.0.1', `198.51.100.1, ${hop}`), '10.0.0.1', hop)
      assert.equal(behind.of('10.0.0.1', `198.51.100.1, ${hop}, 10.0.0.9`), '10.0.0.9', hop)
    }
  })

  it('looks at 32 hops of 1,000 at most, and at no hop of a megabyte', () => {
    const hops = Array.from({ length: 1000 }, (_, index) => `198.51.100.${index % 250}`)
    assert.equal(behind.of('10.0.0.1', hops.join(', ')), '198.51.100.249')
    const proxies = Array.from({ length: 1000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
    assert.match(behind.of('10.0.0.1', `203.0.113.7, ${proxies.join(', ')}`), /^10\.0\.3\./)
    assert.equal(behind.of('10.0.0.1', '9'.repeat(1_000_000)), '10.0.0.1')
    assert.equal(behind.of('10.0.0.1', ','.repeat(1_000_000)), '10.0.0.1')
  })

  it('never gives what stands left of a hop that is not trusted, whatever a caller sends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (forged) => {
        assert.equal(behind.of('10.0.0.1', `${forged}, 203.0.113.7`), '203.0.113.7')
        assert.equal(behind.of('203.0.113.7', forged), '203.0.113.7')
      }),
    )
  })

  it('refuses proxies that are neither address nor range', () => {
    for (const text of [
      '',
      'proxy',
      '10.0.0.0/33',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
      '::/129',
      '10.0.0.0/x',
      '10.0.0.0/',
    ]) {
      assert.throws(() => new ClientAddress([text]), RangeError, text)
    }
  })

  it('trusts a range to the bit', () => {
    const odd = new ClientAddress(['192.0.2.128/25', '2001:db8:8000::/33', '0.0.0.0/32'])
    const trusts = (peer: string) => odd.of(peer, '198.51.100.1') === '198.51.100.1'
    assert.deepEqual(
      ['192.0.2.128', '192.0.2.255', '192.0.2.127', '2001:db8:8000::1', '2001:db8:ffff::1', '2001:db8:7fff::1'].map(
        trusts,
      ),
      [true, true, false, true, true, false],
    )
    const all = new ClientAddress(['::/0'])
    assert.equal(all.of('203.0.113.7', '198.51.100.1'), '198.51.100.1')
  })
})

describe('callerOf', () => {
  it('takes IPv4 as it is, IPv6 by its /64, and IPv4-mapped IPv6 as the IPv4 address', () => {
    for (const [address, caller] of [
      ['203.0.113.7', '203.0.113.7'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:0DB8:0001:0002:ffff::', '2001:db8:1:2::/64'],
      ['::ffff:203.0.113.7', '203.0.113.7'],
      ['::ffff:cb00:7107', '203.0.113.7'],
      ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['64:ff9b::203.0.113.7', '64:ff9b:0:0::/64'],
      ['not an address', 'not an address'],
    ] as const) {
      assert.equal(callerOf(address), caller)
      assert.equal(callerOf(address), caller, 'remembered')
    }
  })

  it('keeps a bounded memory of addresses', () => {
    for (let index = 0; index < 30_000; index++) callerOf(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)
    assert.equal(callerOf('10.0.0.1'), '10.0.0.1')
  })
})
