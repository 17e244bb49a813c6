import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readTraceparent, writeTraceparent } from '@stoa/telemetry'
import fc from 'fast-check'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'

describe('readTraceparent', () => {
  it('reads the header of the standard', () => {
    assert.deepEqual(readTraceparent(`00-${traceId}-${spanId}-01`), { traceId, spanId, sampled: true })
    assert.equal(readTraceparent(`00-${traceId}-${spanId}-00`)?.sampled, false)
    assert.equal(readTraceparent(`00-${traceId}-${spanId}-03`)?.sampled, true, 'other flags do not matter')
  })

  it('reads the known beginning of a later version', () => {
    assert.equal(readTraceparent(`cc-${traceId}-${spanId}-01-what-will-be`)?.traceId, traceId)
  })

  it('ignores everything else', () => {
    const headers = [
      '',
      `00-${traceId}-${spanId}-01-more`,
      `00-${traceId}-${spanId}-01 `,
      `ff-${traceId}-${spanId}-01`,
      `cc-${traceId}-${spanId}-01more`,
      `00-${traceId.toUpperCase()}-${spanId}-01`,
      `00-${'0'.repeat(32)}-${spanId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId}-${spanId}-0x`,
      `00-${traceId}-${spanId}`,
      `cc-${traceId}-${spanId}-01-${'x'.repeat(1000)}`,
      [`00-${traceId}-${spanId}-01`],
      undefined,
      null,
      7,
    ]
    for (const header of headers) assert.equal(readTraceparent(header), null, String(header))
  })

  it('reads back what is written, and never chokes on text', () => {
    const hex = (length: number) =>
      fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => !/^0+$/.test(text))
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (trace, span, sampled) => {
        const at = { traceId: trace, spanId: span, sampled }
        assert.deepEqual(readTraceparent(writeTraceparent(at)), at)
      }),
    )
    fc.assert(fc.property(fc.string({ maxLength: 600 }), (text) => readTraceparent(text) === null))
  })
})
