import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  hasPermission,
  permissionsInCommon,
  permits,
  requirePermission,
  silentLogger,
  systemClock,
  systemCtx,
} from '@stoa/kernel'
import fc from 'fast-check'

const common = (one: string[], other: string[]) => [...permissionsInCommon(new Set(one), new Set(other))].sort()

describe('what two sets of permissions have in common', () => {
  it('is what both have by name', () => {
    assert.deepEqual(common(['links:read', 'links:write'], ['links:read', 'mail:read']), ['links:read'])
  })

  it('is the narrower one of a name and a wildcard, and of two wildcards', () => {
    assert.deepEqual(common(['links:*'], ['links:read', 'mail:read']), ['links:read'])
    assert.deepEqual(common(['links:*', 'mail:*'], ['links:*']), ['links:*'])
    assert.deepEqual(common(['*'], ['links:*', 'mail:read']), ['links:*', 'mail:read'])
  })

  it('is nothing of sets that have nothing to do with each other', () => {
    assert.deepEqual(common(['links:*'], ['mail:*']), [])
    assert.deepEqual(common([], ['*']), [])
  })

  it('permits what both permit, and nothing else, whatever the sets are', () => {
    const name = fc.constantFrom('a:read', 'a:write', 'b:read', 'a:b:read', 'a:b:write')
    const member = fc.oneof(name, fc.constantFrom('*', 'a:*', 'b:*', 'a:b:*'))
    const set = fc.array(member, { maxLength: 5 }).map((members) => new Set(members))
    fc.assert(
      fc.property(set, set, name, (one, other, asked) => {
        const both = permissionsInCommon(one, other)
        assert.equal(permits(both, asked), permits(one, asked) && permits(other, asked))
      }),
    )
  })
})

describe('a permission on one thing', () => {
  const ctx = {
    ...systemCtx({ log: silentLogger, clock: systemClock }, 'test'),
    permissions: new Set(['links:read']),
    grants: new Map([['link:7', new Set(['links:*'])]]),
  }

  it('is enough there, and nowhere else', () => {
    assert.ok(hasPermission(ctx, 'links:write', { kind: 'link', id: '7' }))
    for (const elsewhere of [
      { kind: 'link', id: '8' },
      { kind: 'links', id: '7' },
    ]) {
      assert.ok(!hasPermission(ctx, 'links:write', elsewhere))
      assert.throws(() => requirePermission(ctx, 'links:write', elsewhere), { code: 'forbidden' })
    }
    assert.ok(!hasPermission(ctx, 'links:write'))
  })

  it('is not needed by who has it everywhere', () => {
    assert.ok(hasPermission(ctx, 'links:read', { kind: 'link', id: '8' }))
  })
})
