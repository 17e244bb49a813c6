import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isError } from '@stoa/kernel'
import { fitting, MAX_SEARCHED } from '../src/scim/directory.ts'
import { matches, parseFilter, requiredValue } from '../src/scim/filter.ts'
import { scimErrors } from '../src/scim/scim-errors.ts'

const ADA = {
  id: '019b76da-a800-7000-8000-000000000001',
  userName: 'ada@example.org',
  active: true,
  name: { formatted: 'Ada Lovelace', familyName: 'Lovelace' },
  emails: [{ value: 'ada@example.org', type: 'work', primary: true }],
  roles: [{ value: 'admin' }, { value: 'member' }],
  groups: [],
  meta: { created: '2026-01-02T03:04:05.000Z' },
  age: 36,
}
const holds = (filter: string) => matches(parseFilter(filter), ADA)
const refused = (filter: string) =>
  assert.throws(
    () => parseFilter(filter),
    (error) => isError(error, scimErrors.scim_filter_invalid),
    filter.slice(0, 80),
  )

describe('a filter of SCIM', () => {
  it('compares texts in any case, and names and words, too', () => {
    for (const filter of [
      'userName eq "ada@example.org"',
      'USERNAME EQ "ADA@example.org"',
      'userName co "EXAMPLE"',
      'userName sw "ada"',
      'userName ew ".org"',
      'userName ne "bea@example.org"',
      'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "A"',
      'name.familyName eq "lovelace"',
      'active eq true',
      'active eq True',
      'meta.created gt "2026-01-01T00:00:00Z"',
      'meta.created le "2026-01-02T03:04:05.000Z"',
      'age ge 36',
      'age lt 36.5',
      'title eq null',
    ]) {
      assert.ok(holds(filter), filter)
    }
    for (const filter of ['userName eq "ada"', 'active eq false', 'active eq "true"', 'age gt 36', 'age eq "36"']) {
      assert.ok(!holds(filter), filter)
    }
  })

  it('asks each of many values, and all parts of one at once inside of brackets', () => {
    assert.ok(holds('roles eq "admin"'))
    assert.ok(holds('roles.value eq "member"'))
    assert.ok(!holds('roles ne "admin"'))
    assert.ok(holds('emails[type eq "work" and value co "@example.org"]'))
    assert.ok(!holds('emails[type eq "home" and value co "@example.org"]'))
  })

  it('goes on behind a bracket, as Entra ID asks', () => {
    assert.ok(holds('emails[type eq "work"].value eq "ADA@example.org"'))
    assert.ok(!holds('emails[type eq "home"].value eq "ada@example.org"'))
    assert.ok(holds('emails[type eq "work"].value pr and active eq true'))
  })

  it('binds `and` before `or`, and both behind parentheses and `not`', () => {
    assert.ok(holds('userName pr or userName eq "x" and userName eq "y"'))
    assert.ok(!holds('(userName pr or userName eq "x") and userName eq "y"'))
    assert.ok(holds('not (userName eq "x")'))
    assert.ok(!holds('not (userName eq "x") and not(active eq true)'))
    assert.ok(holds('groups pr or not (groups pr)'))
    assert.ok(!holds('groups pr'))
  })

  it('is not what it looks like to a database', () => {
    const quoted = JSON.stringify(`x" or "1"="1`)
    assert.ok(!holds(`userName eq ${quoted}`))
    assert.equal(requiredValue(parseFilter(`userName eq ${quoted}`), 'username'), `x" or "1"="1`)
    for (const text of ["' or '1'='1", "'; drop table people; --", '%', '_', '\\', '$1', '*', '{"$ne":null}']) {
      assert.ok(!holds(`userName eq ${JSON.stringify(text)}`), text)
      assert.ok(!holds(`userName co ${JSON.stringify(text)}`) || '@'.includes(text), text)
      refused(`userName eq ${text} or`)
    }
  })

  it('knows no names of objects', () => {
    for (const name of ['constructor', 'toString', 'hasOwnProperty', 'constructor.name']) {
      assert.ok(!holds(`${name} pr`), name)
    }
    refused('__proto__ pr')
    refused('__proto__.polluted eq "x"')
  })

  it('is refused when it is deep, long, or unfinished, at once', () => {
    refused('('.repeat(10_000))
    refused(`${'('.repeat(400)}a pr${')'.repeat(400)}`)
    refused(`${'not ('.repeat(150)}a pr${')'.repeat(150)}`)
    refused(`${'a['.repeat(150)}a pr${']'.repeat(150)}`)
    refused(`userName eq "${'x'.repeat(10_000)}"`)
    refused(`userName eq "${'\\'.repeat(900)}`)
    refused(`${'a pr and '.repeat(100)}a`)
    assert.ok(parseFilter(`${'('.repeat(20)}a pr${')'.repeat(20)}`))
  })

  it('is refused when it cannot be read', () => {
    for (const filter of [
      ...['', ' ', 'userName', 'userName eq', 'userName eq ada', "userName eq 'ada'", 'userName is "ada"'],
      ...['eq "ada"', '"ada" eq userName', 'userName eq "a" userName eq "b"', 'and', 'not userName pr', '()'],
      ...['(userName pr', 'userName pr)', 'emails[type eq "work"', 'emails[]', 'emails[type eq "work"].', '.value pr'],
      ...['emails[type eq "work"].a.b.c eq "x"', 'a.b.c eq "x"', 'userName eq {"a":1}', 'userName eq [1]'],
      ...['userName eq "ada" or', 'userName eq "ad\na"', 'user\u0000Name pr', 'userName eq 1e', 'userName\u00a0eq'],
    ]) {
      refused(filter)
    }
  })

  it('says what has to be looked up: what is required, and not what may be', () => {
    const required = (filter: string, path: string) => requiredValue(parseFilter(filter), path)
    assert.equal(required('userName eq "a" and active eq true', 'username'), 'a')
    assert.equal(required('(userName eq "a")', 'username'), 'a')
    assert.equal(required('emails[type eq "work"].value eq "a"', 'emails.value'), 'a')
    assert.equal(required('userName eq "a" or active eq true', 'username'), null)
    assert.equal(required('not (userName eq "a")', 'username'), null)
    assert.equal(required('userName ne "a"', 'username'), null)
    assert.equal(required('userName eq 1', 'username'), null)
  })

  it('lets others be heard while it is held against ten thousand, and is held against no more', async () => {
    const rows = Array.from({ length: MAX_SEARCHED }, (_, age) => age)
    const filter = parseFilter('age ge 9990')
    let inTurn = 0
    let most = 0
    let looked = 0
    const resourceOf = (age: number) => {
      looked++
      most = Math.max(most, ++inTurn)
      return { age }
    }
    const turn = () => {
      inTurn = 0
      if (looked < rows.length) setImmediate(turn)
    }
    turn()
    assert.deepEqual(await fitting(rows, filter, resourceOf), rows.slice(-10))
    assert.equal(looked, rows.length)
    assert.ok(most <= 500, `${most} in one turn`)
    await assert.rejects(fitting([...rows, 0], filter, resourceOf), (error) => isError(error, scimErrors.scim_too_many))
  })
})
