import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { accessOf, rolesWith, sourcesAllowing } from '../src/access/access.ts'
import { builtInRoles } from '../src/access/built-in-roles.ts'

const permissions = Object.fromEntries(
  ['links:read', 'links:write', 'mail:read', 'mail:send', 'apiKeys:read', 'identity:own', 'identity:self'].map(
    (name) => [name, 'Something.'],
  ),
)
const roles = builtInRoles(permissions, {
  'mail:read': 'admin',
  'apiKeys:read': 'admin',
  'identity:own': 'owner',
  'identity:self': 'viewer',
})
const held = (name: string) => [...(roles.get(name)?.permissions ?? [])].sort()

describe('the built-in roles', () => {
  it('follow from the permissions that there are: read, write, everything else, and what a manifest says', () => {
    assert.deepEqual([...roles.keys()], ['viewer', 'member', 'admin', 'owner'])
    assert.deepEqual(held('viewer'), ['identity:self', 'links:read'])
    assert.deepEqual(held('member'), ['identity:self', 'links:*', 'links:read', 'links:write'])
  })

  it('give the admin everything but what is an owner’s, with the wildcards that this makes', () => {
    const admin = held('admin')
    assert.ok(admin.includes('mail:*') && admin.includes('apiKeys:*') && admin.includes('mail:send'))
    assert.ok(!admin.includes('*') && !admin.includes('identity:*') && !admin.includes('identity:own'))
  })

  it('give the owner everything, whatever comes', () => {
    assert.deepEqual(held('owner'), ['*'])
  })
})

describe('what somebody may do', () => {
  const here = { id: null, teamId: null, resource: null }
  const onLink = { kind: 'link', id: '7' }
  const access = accessOf(
    [
      { ...here, via: 'membership', role: 'viewer' },
      { ...here, via: 'grant', id: 'g', role: 'member', resource: onLink },
      { ...here, via: 'membership', role: 'gone' },
    ],
    roles,
  )

  it('is the union of what their roles allow, with grants on one thing apart', () => {
    assert.deepEqual([...access.permissions].sort(), held('viewer'))
    assert.deepEqual([...(access.grants.get('link:7') ?? [])].sort(), held('member'))
  })

  it('is explained by the roles that allow it, there and everywhere', () => {
    const via = (permission: string, resource: typeof onLink | null) =>
      sourcesAllowing(access, roles, permission, resource).map((source) => source.via)
    assert.deepEqual(via('links:read', null), ['membership'])
    assert.deepEqual(via('links:read', onLink), ['membership', 'grant'])
    assert.deepEqual(via('links:write', onLink), ['grant'])
    assert.deepEqual(via('links:write', { kind: 'link', id: '8' }), [])
    assert.deepEqual(rolesWith(roles, 'links:write'), ['member', 'admin', 'owner'])
  })
})
