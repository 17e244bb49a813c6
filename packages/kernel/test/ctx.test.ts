import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type BaseCtx,
  hasPermission,
  isId,
  type Logger,
  requirePermission,
  StoaError,
  silentLogger,
  systemClock,
  systemCtx,
  tenantCtx,
} from '@stoa/kernel'
import fc from 'fast-check'

const acme = { id: '01890a5d-ac96-774b-bd1c-ffffffffffff', slug: 'acme', schema: 'stoa_pool' }

/** A logger that keeps the bindings it was made with. */
function boundLogger(bindings: object): Logger & { bindings: object } {
  return { ...silentLogger, bindings, child: (more) => boundLogger({ ...bindings, ...more }) }
}

function bindingsOf(ctx: BaseCtx): object {
  return (ctx.log as Logger & { bindings: object }).bindings
}

function setup(...permissions: string[]) {
  const system = systemCtx({ log: boundLogger({}), clock: systemClock }, 'retention')
  const ctx = tenantCtx(system, acme, { permissions: new Set(permissions), actor: { type: 'person', id: 'u1' } })
  return { system, ctx }
}

describe('systemCtx', () => {
  it('acts for its reason, with every permission and a request id of its own', () => {
    const { system } = setup()
    assert.deepEqual(system.actor, { type: 'system', id: 'retention' })
    assert.ok(isId(system.requestId))
    assert.doesNotThrow(() => requirePermission(system, 'links:write'))
    assert.deepEqual(bindingsOf(system), { requestId: system.requestId, reason: 'retention' })
  })
})

describe('tenantCtx', () => {
  it('keeps the base, takes what is given over, and names the tenant in the log', () => {
    const { system, ctx } = setup('links:read')
    assert.equal(ctx.requestId, system.requestId)
    assert.equal(ctx.tenant, acme)
    assert.deepEqual(ctx.actor, { type: 'person', id: 'u1' })
    assert.deepEqual(bindingsOf(ctx), { requestId: system.requestId, reason: 'retention', tenant: 'acme' })
  })

  it('does not bind the tenant again to a logger that is brought along', () => {
    const { system } = setup()
    const log = boundLogger({ mine: true })
    assert.equal(tenantCtx(system, acme, { log }).log, log)
  })

  it('keeps where the request came from, unless it is left behind', () => {
    const place = { addressPrefix: '203.0.113.0/24', device: 'curl' }
    const base = { ...setup().system, place }
    assert.equal(tenantCtx(base, acme).place, place)
    assert.equal(tenantCtx(base, acme, { actor: { type: 'person', id: 'u1' } }).place, place)
    assert.equal(tenantCtx(base, acme, { place: undefined }).place, undefined)
    assert.equal(setup().system.place, undefined)
  })

  it('leaves the base as it was', () => {
    const { system } = setup('links:read')
    assert.ok(!('tenant' in system))
    assert.deepEqual([...system.permissions], ['*'])
  })
})

describe('requirePermission', () => {
  it('refuses with forbidden and names what is missing', () => {
    const { ctx } = setup('links:read')
    assert.throws(
      () => requirePermission(ctx, 'links:write'),
      (error) => error instanceof StoaError && error.code === 'forbidden' && error.message.includes('links:write'),
    )
  })

  it('grants by name and by wildcard of any enclosing area, and by nothing else', () => {
    const cases: [granted: string[], asked: string, expected: boolean][] = [
      [['links:read'], 'links:read', true],
      [['links:*'], 'links:read', true],
      [['links:*'], 'links:clicks:read', true],
      [['links:clicks:*'], 'links:clicks:read', true],
      [['*'], 'anything', true],
      [['links:*'], 'links', false],
      [['link:*'], 'links:read', false],
      [['links:re*'], 'links:read', false],
      [['links'], 'links:read', false],
      [['LINKS:READ'], 'links:read', false],
      [[], 'links:read', false],
      [[':*'], ':read', false],
    ]
    for (const [granted, asked, expected] of cases) {
      assert.equal(hasPermission(setup(...granted).ctx, asked), expected, `${granted} for ${asked}`)
    }
  })

  it('never grants what no granted word covers', () => {
    const word = fc.stringMatching(/^[a-z]{1,3}$/)
    const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(':'))
    const grant = fc.oneof(
      name,
      name.map((area) => `${area}:*`),
    )
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 4 }), name, (granted, asked) => {
        const covered = granted.some((g) => g === asked || (g.endsWith(':*') && asked.startsWith(g.slice(0, -1))))
        return hasPermission({ permissions: new Set(granted) }, asked) === covered
      }),
    )
  })
})
