import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeEntry, type EntryHead, encodeEntry, Undecodable } from '../src/codec.ts'
import { contentOf } from '../src/value.ts'

const limits = { compressOverBytes: 200, maxBytes: 100_000 }
const head: EntryHead = { tags: ['thing:1', '\ud800\0'], freshMs: 1_000, staleMs: 0, spentMs: 1.5 }

async function throughBytes(value: unknown): Promise<unknown> {
  const content = contentOf(value, 1_000_000)
  assert.ok(typeof content !== 'string')
  const bytes = await encodeEntry(value, content.json, head, limits)
  assert.ok(bytes)
  const read = await decodeEntry(bytes, limits)
  assert.deepEqual(read.head, head)
  return read.value
}

describe('an entry as bytes', () => {
  it('gives back any plain data exactly', async () => {
    const data = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
      maxDepth: 4,
      values: [
        fc.string({ unit: 'binary' }),
        fc.string({ unit: fc.constantFrom('\0', '\ud800', '€', '"') }),
        fc.double(),
        fc.boolean(),
      ],
    })
    await fc.assert(
      fc.asyncProperty(data, async (value) => {
        fc.pre(typeof contentOf(value, 1_000_000) !== 'string')
        assert.deepEqual(await throughBytes(value), value)
      }),
      { numRuns: 2_000 },
    )
  })

  it('gives back bytes as they are, buffers as buffers', async () => {
    const bytes = randomBytes(1_000)
    assert.deepEqual(await throughBytes(bytes), bytes)
    const plain = new Uint8Array(bytes)
    assert.deepEqual(await throughBytes(plain), plain)
    assert.deepEqual(await throughBytes({ deep: [bytes] }), { deep: [bytes] })
  })

  it('nothing comes back as nothing', async () => {
    assert.equal(await throughBytes(undefined), undefined)
  })

  it('compresses long values, if that makes them shorter', async () => {
    const long = 'a'.repeat(50_000)
    const bytes = await encodeEntry(long, true, head, limits)
    assert.ok(bytes && bytes.length < 1_000)
    assert.equal(await throughBytes(long), long)
    const noise = randomBytes(5_000)
    const kept = await encodeEntry(noise, false, head, limits)
    assert.ok(kept && kept.length > 5_000 && kept.length < 5_200)
    assert.deepEqual(await throughBytes(noise), noise)
  })

  it('a value that would be too many bytes is not written', async () => {
    assert.equal(await encodeEntry('x'.repeat(100_000), true, head, limits), null)
  })

  it('damage is an error of one kind', async () => {
    const value = { list: Array.from({ length: 50 }, (_, i) => ({ i, name: `Name ${i}` })) }
    const bytes = (await encodeEntry(value, true, head, limits)) as Buffer
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(bytes)
        damaged[at] = (damaged[at] as number) ^ flip
        await decodeEntry(damaged, limits).then(
          () => undefined,
          (error) => assert.ok(error instanceof Undecodable),
        )
      }),
      { numRuns: 1_000 },
    )
    for (const cut of [0, 1, 9, 10, 40, bytes.length - 1]) {
      await assert.rejects(decodeEntry(bytes.subarray(0, cut), limits), Undecodable)
    }
    for (const junk of ['', '{}', 'OK', '\x01\x01', randomBytes(100)]) {
      await assert.rejects(decodeEntry(Buffer.from(junk), limits), Undecodable)
    }
  })

  it('a small entry that would become a huge one is not unpacked', async () => {
    const bomb = (await encodeEntry('a'.repeat(99_000), true, head, limits)) as Buffer
    await assert.rejects(decodeEntry(bomb, { ...limits, maxBytes: 1_000 }), Undecodable)
    bomb.writeUInt32BE(100, 6)
    await assert.rejects(decodeEntry(bomb, limits), Undecodable)
  })

  it('an entry of another format is an error', async () => {
    const bytes = (await encodeEntry(1, true, head, limits)) as Buffer
    bytes[0] = 2
    await assert.rejects(decodeEntry(bytes, limits), /another format/)
  })
})
