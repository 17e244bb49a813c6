import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type VisitFacts, Visitor, wantedLanguage } from '../src/analytics/visitor.ts'
import { Routing, type Rule, type SplitTarget } from '../src/redirect/routing.ts'

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'
const NOON = Date.parse('2026-06-01T12:00:00Z')

function visitor(over: Partial<VisitFacts> = {}, country: string | null = null) {
  const facts = { at: NOON, address: '198.51.100.7', userAgent: PHONE, acceptLanguage: 'de-CH', ...over }
  return new Visitor(() => ({ query: new URLSearchParams(), ...facts }), { countryOf: () => country })
}

function routing(rules: readonly Rule['when'][], split: readonly SplitTarget[] = [], linkId = 'link') {
  return new Routing({
    linkId,
    target: 'https://t.example/',
    rules: rules.map((when, index) => ({ when, target: `https://${index}.example/` })),
    split,
    key: Buffer.alloc(32, 1),
    complete: (target) => `${target}?c`,
  })
}

const holding: [when: Rule['when'], facts: Partial<VisitFacts>, holds: boolean][] = [
  [{ devices: ['mobile', 'tablet'] }, {}, true],
  [{ devices: ['desktop'] }, {}, false],
  [{ devices: ['other'] }, { userAgent: '' }, true],
  [{ devices: ['bot'] }, { userAgent: 'curl/8.5.0' }, true],
  [{ os: ['ios'] }, {}, true],
  [{ os: ['android'] }, {}, false],
  [{ browsers: ['safari'] }, {}, true],
  [{ browsers: ['chrome'] }, { userAgent: '('.repeat(10_000) }, false],
  [{ languages: ['de'] }, {}, true],
  [{ languages: ['DE-ch'] }, {}, true],
  [{ languages: ['de-AT'] }, {}, false],
  [{ languages: ['d'.repeat(3)] }, { acceptLanguage: 'x'.repeat(10_000) }, false],
  [{ languages: ['fr'] }, { acceptLanguage: 'de;q=0.5, fr;q=0.9' }, true],
  [{ languages: ['de'] }, { acceptLanguage: 'de;q=0.5, fr;q=0.9' }, false],
  [{ countries: ['IN'] }, { country: 'IN' }, true],
  [{ countries: ['IN'] }, {}, false],
  [{ addresses: ['198.51.100.0/24'] }, {}, true],
  [{ addresses: ['198.51.100.8'] }, {}, false],
  [{ addresses: ['198.51.100.0/24'] }, { address: '::ffff:198.51.100.9' }, true],
  [{ addresses: ['198.51.100.0/24'] }, { address: '::ffff:c633:6409' }, true],
  [{ addresses: ['2001:db8::/32'] }, { address: '2001:db8::1%eth0' }, true],
  [{ addresses: ['2001:db8::/32'] }, {}, false],
  [{ addresses: ['0.0.0.0/0'] }, { address: '' }, false],
  [{ query: [{ name: 'ref' }] }, { query: new URLSearchParams('ref=') }, true],
  [{ query: [{ name: 'ref' }] }, {}, false],
  [{ query: [{ name: 'ref', values: ['a', 'b'] }] }, { query: new URLSearchParams('ref=x&ref=b') }, true],
  [{ query: [{ name: 'ref', values: ['a'] }, { name: 'x' }] }, { query: new URLSearchParams('ref=a') }, false],
  [{ from: '2026-06-01T12:00:00Z' }, {}, true],
  [{ from: '2026-06-01T12:00:00.001Z' }, {}, false],
  [{ until: '2026-06-01T12:00:00Z' }, {}, false],
  [{ devices: ['mobile'], os: ['android'] }, {}, false],
]

describe('rules', () => {
  for (const [when, facts, holds] of holding) {
    it(`${JSON.stringify(when)} ${holds ? 'holds' : 'does not hold'} for ${JSON.stringify(facts).slice(0, 80)}`, () => {
      const { by } = routing([when]).choose(visitor(facts))
      assert.equal(by.kind, holds ? 'rule' : 'target')
    })
  }

  it('are asked in their order, and the first one that holds decides', () => {
    const choice = routing([{ os: ['windows'] }, { os: ['ios'] }, { devices: ['mobile'] }]).choose(visitor())
    assert.deepEqual(choice, { target: 'https://1.example/?c', by: { kind: 'rule', index: 1 } })
  })

  it('find a country by the address, and only when a rule asks for it', () => {
    const asked: string[] = []
    const countryOf = (address: string) => {
      asked.push(address)
      return 'IN'
    }
    const facts = {
      at: NOON,
      address: '::ffff:192.0.2.1',
      userAgent: '',
      acceptLanguage: '',
      query: new URLSearchParams(),
    }
    const one = new Visitor(() => facts, { countryOf })
    routing([{ os: ['ios'] }]).choose(one)
    assert.deepEqual(asked, [])
    assert.equal(routing([{ countries: ['IN'] }, { countries: ['IN'] }]).choose(one).by.kind, 'rule')
    assert.deepEqual(asked, ['192.0.2.1'])
  })

  it('take no language from a header that has none', () => {
    for (const header of ['', '*', ';;;q=', 'de;q=0', 'de;q=2', '\u00ff\u00fe', 'de-', ','.repeat(10_000)]) {
      assert.equal(wantedLanguage(header), null, header.slice(0, 20))
    }
  })
})

describe('a split', () => {
  const halves = [
    { target: 'https://a.example/', weight: 1 },
    { target: 'https://b.example/', weight: 3 },
  ]
  const many = Array.from({ length: 20_000 }, (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
  const led = (split: readonly SplitTarget[], linkId?: string) => {
    const made = routing([], split, linkId)
    return many.map((address) => made.choose(visitor({ address })).target)
  }

  it('leads by weight', () => {
    const share = led(halves).filter((target) => target === 'https://b.example/?c').length / many.length
    assert.ok(Math.abs(share - 0.75) < 0.015, String(share))
  })

  it('leads the same visitor to the same target, whatever the order of the targets', () => {
    assert.deepEqual(led(halves), led(halves.toReversed()))
  })

  it('takes a network of IPv6 for one visitor, and a mapped address for the IPv4 address', () => {
    const made = routing([], halves)
    const to = (address: string) => made.choose(visitor({ address })).target
    const networks = Array.from({ length: 50 }, (_, n) => `2001:db8:0:${n.toString(16)}:`)
    for (const network of networks) assert.equal(to(`${network}:1`), to(`${network}:2:3:4`))
    for (const address of many.slice(0, 50)) assert.equal(to(`::ffff:${address}`), to(address))
  })

  it('moves nobody whom a change of weights does not move', () => {
    const before = led(halves)
    const after = led([halves[0] as SplitTarget, { target: 'https://b.example/', weight: 9 }])
    const moved = before.filter((target, index) => target !== after[index])
    assert.ok(moved.every((target) => target === 'https://a.example/?c'))
    assert.ok(Math.abs(moved.length / many.length - 0.15) < 0.015, String(moved.length))
  })

  it('divides visitors of another link otherwise', () => {
    const [one, other] = [led(halves, 'one'), led(halves, 'other')]
    const same = one.filter((target, index) => target === other[index]).length / many.length
    assert.ok(Math.abs(same - 0.625) < 0.02, String(same))
  })
})
