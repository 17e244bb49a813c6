import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorSpec, isError } from '@stoa/kernel'
import type { AnyJson } from '@stoa/testkit'
import { patched } from '../src/scim/patch.ts'
import { GROUP_ATTRIBUTES, USER_ATTRIBUTES, wantedGroup, wantedUser } from '../src/scim/resources.ts'
import { scimErrors } from '../src/scim/scim-errors.ts'

const ADA = {
  id: 'a',
  userName: 'ada@example.org',
  displayName: 'Ada',
  name: { formatted: 'Ada', givenName: 'Ada' },
  emails: [{ value: 'ada@example.org', type: 'work', primary: true }],
  active: true,
  roles: [{ value: 'member' }],
}
const TEAM = { id: 't', displayName: 'Team', members: [{ value: 'm1' }, { value: 'm2' }, { value: 'm3' }] }
const { scim_filter_invalid, scim_immutable, scim_path_invalid, scim_value_invalid } = scimErrors

const user = (...Operations: unknown[]): AnyJson => patched(ADA, { Operations }, USER_ATTRIBUTES)
const membersAfter = (...Operations: unknown[]) =>
  wantedMembers(patched(TEAM, { Operations }, GROUP_ATTRIBUTES).members)
const wantedMembers = (members: unknown) => ((members ?? []) as { value: string }[]).map(({ value }) => value)
const refused = (error: ErrorSpec, work: () => unknown, what = '') =>
  assert.throws(work, (thrown) => isError(thrown, error), what)

describe('a PATCH of SCIM', () => {
  it('changes what a path names, in any case, also inside of one of many values', () => {
    assert.equal(user({ op: 'Replace', path: 'displayName', value: 'Ada L.' }).displayName, 'Ada L.')
    assert.equal(user({ op: 'replace', path: 'DISPLAYNAME', value: 'Ada L.' }).displayName, 'Ada L.')
    assert.deepEqual(user({ op: 'Add', path: 'name.familyName', value: 'Lovelace' }).name, {
      ...ADA.name,
      familyName: 'Lovelace',
    })
    const path = 'emails[type eq "work"].value'
    assert.equal(user({ op: 'Replace', path, value: 'x@example.org' }).emails[0].value, 'x@example.org')
    const [email] = user({ op: 'replace', path: 'emails[type eq "work"]', value: { display: 'Ada' } }).emails
    assert.deepEqual(email, { ...ADA.emails[0], display: 'Ada' })
    assert.deepEqual(user({ op: 'add', path: 'emails[type eq "home"].value', value: 'h@x' }).emails, ADA.emails)
  })

  it('takes names of attributes from a value without a path, dotted ones, too', () => {
    const value = { displayName: 'Bjfe', 'name.givenName': 'Kkom', 'name.familyName': 'Unua', active: 'False' }
    const changed = user({ op: 'replace', value })
    assert.equal(changed.displayName, 'Bjfe')
    assert.deepEqual(changed.name, { formatted: 'Ada', givenName: 'Kkom', familyName: 'Unua' })
    assert.equal(wantedUser(changed).active, false)
    assert.deepEqual(user({ op: 'replace', value: { name: { familyName: 'L' } } }).name, {
      ...ADA.name,
      familyName: 'L',
    })
  })

  it('reads booleans that are texts, and refuses what is neither', () => {
    for (const value of ['False', 'false', false]) {
      assert.equal(wantedUser(user({ op: 'Replace', path: 'active', value })).active, false)
    }
    for (const value of ['no', 0, {}, [], 'FALSE;']) {
      refused(scim_value_invalid, () => wantedUser(user({ op: 'Replace', path: 'active', value })))
    }
  })

  it('passes over what the standard knows and nobody keeps', () => {
    const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
    assert.deepEqual(
      user(
        { op: 'Add', path: `${enterprise}:department`, value: 'Retail' },
        { op: 'Add', path: `${enterprise}:manager`, value: [{ $ref: '../Users/x', value: 'x' }] },
        { op: 'Replace', path: 'addresses[type eq "work"].formatted', value: '18/2111' },
        { op: 'Replace', path: 'phoneNumbers[type eq "mobile"].value', value: '1' },
        { op: 'Replace', path: 'title', value: 'Countess' },
        { op: 'replace', value: { [enterprise]: { department: 'Retail' }, id: 'b', password: 'x', groups: [] } },
      ),
      ADA,
    )
  })

  it('refuses what is unknown, and a path to what it must not change', () => {
    for (const path of [
      'nothing',
      'userName2',
      'tenantId',
      'name[',
      'a b',
      '',
      '.',
      'a.b.c',
      '__proto__',
      'x'.repeat(2_000),
    ]) {
      refused(scim_path_invalid, () => user({ op: 'replace', path, value: 'x' }), path.slice(0, 50))
    }
    for (const path of ['id', 'meta', 'meta.version', 'groups']) {
      refused(scim_immutable, () => user({ op: 'replace', path, value: 'x' }), path)
    }
    for (const path of ['constructor', 'toString', 'hasOwnProperty.call']) {
      refused(scim_path_invalid, () => user({ op: 'replace', path, value: 'x' }), path)
    }
    refused(scim_filter_invalid, () => user({ op: 'replace', path: `emails[${'('.repeat(900)}].value`, value: 'x' }))
    refused(scim_filter_invalid, () => user({ op: 'replace', path: 'emails[type is "work"].value', value: 'x' }))
  })

  it('adds, removes and replaces members, in every way that directories write it', () => {
    const add = { op: 'Add', path: 'members', value: [{ $ref: null, value: 'm4' }] }
    assert.deepEqual(membersAfter(add), ['m1', 'm2', 'm3', 'm4'])
    assert.deepEqual(membersAfter({ op: 'add', value: { members: [{ value: 'm4' }] } }), ['m1', 'm2', 'm3', 'm4'])
    assert.deepEqual(membersAfter({ ...add, value: { value: 'm4' } }), ['m1', 'm2', 'm3', 'm4'])
    assert.deepEqual(membersAfter({ op: 'Remove', path: 'members', value: [{ $ref: null, value: 'm2' }] }), [
      'm1',
      'm3',
    ])
    assert.deepEqual(membersAfter({ op: 'remove', path: 'members[value eq "M2"]' }), ['m1', 'm3'])
    assert.deepEqual(membersAfter({ op: 'remove', path: 'members[value eq "m1" or value eq "m2"]' }), ['m3'])
    assert.deepEqual(membersAfter({ op: 'remove', path: 'members' }), [])
    assert.deepEqual(membersAfter({ op: 'replace', path: 'members', value: [{ value: 'm9' }] }), ['m9'])
    assert.deepEqual(membersAfter({ op: 'replace', value: { members: [{ value: 'm9' }] } }), ['m9'])
    assert.deepEqual(membersAfter(add, { op: 'remove', path: 'members[value eq "m4"]' }), ['m1', 'm2', 'm3'])
  })

  it('has operations, not too many, of the three kinds', () => {
    const bodies = [
      null,
      {},
      [],
      'x',
      { Operations: {} },
      { Operations: [] },
      { Operations: [null] },
      { Operations: ['x'] },
    ]
    for (const body of bodies)
      refused(scim_value_invalid, () => patched(ADA, body, USER_ATTRIBUTES), JSON.stringify(body))
    for (const op of ['move', 'test', '', null, {}, 'replace ']) {
      refused(scim_value_invalid, () => user({ op, path: 'displayName', value: 'x' }), String(op))
    }
    for (const value of ['x', null, [], 1]) refused(scim_value_invalid, () => user({ op: 'replace', value }))
    refused(scim_value_invalid, () => user({ op: 'remove' }))
    refused(scim_path_invalid, () => user({ op: 'replace', path: { a: 1 }, value: 1 }))
    refused(scim_value_invalid, () => user(...Array(201).fill({ op: 'replace', path: 'displayName', value: 'x' })))
  })

  it('of a group of 10,000 by 200 operations is quick', () => {
    const members = Array.from({ length: 10_000 }, (_, index) => ({ value: `m${index}` }))
    const Operations = Array.from({ length: 200 }, (_, index) => ({
      op: 'remove',
      path: `members[value eq "m${index}"]`,
    }))
    const started = performance.now()
    const { members: left } = patched({ ...TEAM, members }, { Operations }, GROUP_ATTRIBUTES)
    assert.equal((left as unknown[]).length, 9_800)
    assert.ok(performance.now() - started < 10_000)
  })

  it('leaves what it was given as it is', () => {
    const before = structuredClone(ADA)
    user({ op: 'replace', path: 'emails[type eq "work"].value', value: 'x' }, { op: 'remove', path: 'roles' })
    assert.deepEqual(ADA, before)
  })
})

describe('what a resource is to be', () => {
  it('is refused when it is of another kind, or huge', () => {
    const wrong = [
      ...[{ userName: '' }, { userName: ' ' }, { userName: 5 }, { userName: ['a'] }, { userName: 'x'.repeat(255) }],
      ...[{ emails: 'a@b' }, { emails: ['a@b'] }, { emails: [{ value: 5 }] }, { emails: [null] }, { emails: [[]] }],
      ...[
        { emails: [{ value: 'a@b', primary: 'perhaps' }] },
        { name: 'Ada' },
        { name: [] },
        { name: { givenName: 5 } },
      ],
      ...[{ roles: ['admin'] }, { roles: [{ value: {} }] }, { roles: [{ value: 'x'.repeat(51) }] }],
      ...[{ externalId: {} }, { externalId: 'x'.repeat(201) }, { displayName: 'x'.repeat(201) }],
    ]
    for (const change of wrong) {
      refused(scim_value_invalid, () => wantedUser({ ...ADA, ...change }), JSON.stringify(change).slice(0, 80))
    }
    const groups = [{ displayName: '' }, { displayName: null }, { displayName: 'x'.repeat(101) }, { members: ['a'] }]
    for (const change of [...groups, { members: [{ value: 'x' }] }, { members: [{ value: null }] }, { members: 5 }]) {
      refused(scim_value_invalid, () => wantedGroup({ ...TEAM, members: [], ...change }), JSON.stringify(change))
    }
    const many = Array.from({ length: 10_001 }, (_, index) => ({
      value: `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`,
    }))
    refused(scim_value_invalid, () => wantedGroup({ ...TEAM, members: many }))
  })

  it('has the primary address first, and no roles when an empty list says so', () => {
    const emails = [{ value: 'B@x' }, { value: 'A@x', primary: 'True' }]
    assert.deepEqual(wantedUser({ ...ADA, emails, roles: [] }).emails, ['a@x', 'b@x'])
    assert.equal(wantedUser({ ...ADA, roles: [] }).roles, undefined)
    assert.equal(wantedUser({ USERNAME: 'ada' }).userName, 'ada')
  })
})
