import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressPrefix, placeOf } from '../src/index.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'
const EDGE =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0'

describe('where a request comes from', () => {
  test('of an address the network is kept, and of what is no address nothing', () => {
    const cases = [
      ['203.0.113.77', '203.0.113.0/24'],
      ['::ffff:203.0.113.77', '203.0.113.0/24'],
      ['2001:0db8:0001:2:3:4:5:6', '2001:db8:1::/48'],
      ['2001:db8::1', '2001:db8:0::/48'],
      ['fe80::1%eth0', 'fe80:0:0::/48'],
      ['::1', '0:0:0::/48'],
      ['', ''],
      ['203.0.113.77:4711', ''],
      ['unknown', ''],
      ["2001:db8::1'; drop table events", ''],
      ['1'.repeat(10_000), ''],
    ] as const
    for (const [address, network] of cases) assert.equal(addressPrefix(address), network, address.slice(0, 60))
  })

  test('of a user agent a label of our own is kept', () => {
    const cases = [
      [FIREFOX, 'Firefox on Linux'],
      [SAFARI, 'Safari on iPhone'],
      [EDGE, 'Edge on Windows'],
      ['curl/8.5.0', 'curl'],
      ['node', 'Node.js'],
      ['python-requests/2.32.3', 'Python'],
      ['Go-http-client/2.0', 'Go'],
      ['PostmanRuntime/7.43.0', 'Postman'],
      [undefined, 'unknown'],
      ['', 'unknown'],
      ['<script>alert(1)</script>', 'unknown'],
      // What is further behind is looked at by nobody: no text keeps the process busy.
      [`\u202e${' '.repeat(600)}Firefox/1`, 'unknown'],
      [`${FIREFOX}${'<'.repeat(100_000)}`, 'Firefox on Linux'],
    ] as const
    for (const [userAgent, device] of cases) {
      assert.equal(placeOf(userAgent, '').device, device, userAgent?.slice(0, 60))
    }
  })
})
