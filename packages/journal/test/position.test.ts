import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { comparePositions, type Position, startPosition } from '../src/index.ts'
import { positionOf, positionParts } from '../src/position.ts'

const place = (xid: string, id: string) => positionOf(xid, id)

describe('positions', () => {
  it('a position comes back as the parts it was made of, also at the ends of their ranges', () => {
    for (const [xid, id] of [
      ['0', '0'],
      ['7', '42'],
      ['18446744073709551615', '9223372036854775807'],
    ] as const) {
      assert.deepEqual(positionParts(place(xid, id)), { xid, id })
    }
  })

  it('a position that was tampered with is an invalid cursor', () => {
    const wrong = [
      '',
      '7',
      '7.',
      '.7',
      '7.8.9',
      '7,8',
      '-1.2',
      '7.-2',
      '07.1',
      '7.01',
      ' 7.1',
      '7.1\n',
      '1e3.1',
      '7.1; drop table x',
      '18446744073709551616.1',
      '7.9223372036854775808',
      '999999999999999999999.1',
    ]
    for (const position of [...wrong, undefined, null, 7, {}] as string[]) {
      assert.throws(() => positionParts(position), { code: 'invalid_cursor' }, JSON.stringify(position))
    }
  })

  it('order goes by transaction first and by number second, as numbers and not as text', () => {
    const ordered: Position[] = [
      startPosition,
      place('9', '100'),
      place('10', '3'),
      place('10', '20'),
      place('18446744073709551615', '1'),
    ]
    for (const [i, a] of ordered.entries()) {
      for (const [j, b] of ordered.entries()) assert.equal(Math.sign(comparePositions(a, b)), Math.sign(i - j))
    }
  })
})
