import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isDate, isDateTime } from '../src/timestamp.ts'

test('a date is a day that exists', () => {
  for (const day of ['0001-01-01', '2024-02-29', '2000-02-29', '2026-12-31', '9999-12-31']) assert.ok(isDate(day), day)
  for (const none of [
    '0000-12-31',
    '2026-02-29',
    '1900-02-29',
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
  ]) {
    assert.ok(!isDate(none), none)
  }
  for (const other of [
    '',
    '26-01-01',
    '2026-1-1',
    '2026-01-01Z',
    ' 2026-01-01',
    '2026-01-01T00:00:00Z',
    '+02026-01-01',
  ]) {
    assert.ok(!isDate(other), other)
  }
})

test('a time has a zone and a day that exists, and lies in the years 1 to 9999 of UTC', () => {
  for (const time of [
    '2026-01-02T03:04:05Z',
    '2026-01-02t03:04:05z',
    '2026-01-02T03:04:05.123456789+05:30',
    '2024-02-29T23:59:59-11:00',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
  ]) {
    assert.ok(isDateTime(time), time)
  }
  for (const none of [
    '2026-02-30T00:00:00Z',
    '2026-01-02T24:00:00Z',
    '2026-01-02T03:60:00Z',
    '2026-12-31T23:59:60Z',
    '2026-01-02T03:04:05',
    '2026-01-02 03:04:05Z',
    '2026-01-02T03:04:05+24:00',
    '2026-01-02T03:04:05.Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '2026-01-02T03:04:05Z\n',
  ]) {
    assert.ok(!isDateTime(none), none)
  }
})

test('what is written of any moment is one, and no text at all makes it throw', () => {
  const min = new Date('0001-01-01T00:00:00Z')
  const max = new Date('9999-12-31T23:59:59.999Z')
  fc.assert(
    fc.property(fc.date({ min, max, noInvalidDate: true }), (at) => {
      assert.ok(isDateTime(at.toISOString()))
      assert.ok(isDate(at.toISOString().slice(0, 10)))
    }),
  )
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (isDateTime(text)) assert.ok(!Number.isNaN(Date.parse(text)))
      assert.equal(typeof isDate(text), 'boolean')
    }),
  )
})
