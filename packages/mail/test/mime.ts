// Reads messages as a receiver does: header fields, parts, DKIM (RFC 6376, relaxed/relaxed).

import assert from 'node:assert/strict'
import { createHash, createVerify, type KeyObject } from 'node:crypto'

/** A message or a part of one. */
export interface Part {
  /** By name in lower case; unfolded. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  readonly parts: readonly Part[]
}

export function read(message: Buffer | string): Part {
  const source = message.toString('latin1' as never)
  const split = source.indexOf('\r\n\r\n')
  const head = source.slice(0, split)
  const headers = new Map<string, string>()
  for (const field of head.split(/\r\n(?![ \t])/)) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    assert.equal(headers.has(name), false, `${name} is there once`)
    headers.set(
      name,
      field
        .slice(colon + 1)
        .replace(/\r\n[ \t]/g, ' ')
        .trim(),
    )
  }
  const raw = source.slice(split + 4)
  const [, boundary] = /boundary="?([^";]+)/.exec(headers.get('content-type') ?? '') ?? []
  const pieces = boundary === undefined ? [] : raw.split(`--${boundary}`).slice(1, -1)
  return {
    headers,
    body: decodedBody(raw, headers.get('content-transfer-encoding') ?? '7bit'),
    parts: pieces.map((piece) => read(piece.replace(/^\r\n|\r\n$/g, ''))),
  }
}

/** All parts that have no parts. */
export function leaves(part: Part): Part[] {
  return part.parts.length === 0 ? [part] : part.parts.flatMap(leaves)
}

function decodedBody(raw: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(raw, 'base64').toString()
  if (encoding !== 'quoted-printable') return raw
  const bytes = raw
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}

/** Header words in letters (RFC 2047). */
export function words(value = ''): string {
  return value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, kind, text) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64').toString()
        : decodedBody(text.replaceAll('_', ' '), 'quoted-printable'),
    )
}

/** Whether the DKIM signature of a message holds; gives its tags. */
export function dkimTags(message: Buffer, publicKey: KeyObject): ReadonlyMap<string, string> {
  const source = message.toString('latin1')
  const split = source.indexOf('\r\n\r\n')
  const fields = source.slice(0, split).split(/\r\n(?![ \t])/)
  const signature = fields.find((field) => /^DKIM-Signature:/i.test(field))
  assert.ok(signature, 'it is signed')
  const tags = new Map<string, string>()
  for (const tag of signature.replace(/^[^:]*:/, '').split(';')) {
    const [name = '', ...value] = tag.split('=')
    tags.set(name.trim(), value.join('=').replace(/\s/g, ''))
  }
  const lines = source
    .slice(split + 4)
    .split('\r\n')
    .map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''))
  while (lines.at(-1) === '') lines.pop()
  const body = lines.length === 0 ? '' : `${lines.join('\r\n')}\r\n`
  assert.equal(
    tags.get('bh'),
    createHash('sha256').update(body, 'latin1').digest('base64'),
    'the body is what was signed',
  )
  const left = [...fields]
  const chosen = (tags.get('h') ?? '').split(':').flatMap((name) => {
    const index = left.findLastIndex((field) => field.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    return index < 0 ? [] : left.splice(index, 1)
  })
  const relaxed = (field: string) => {
    const colon = field.indexOf(':')
    const value = field
      .slice(colon + 1)
      .replace(/\r\n/g, '')
      .replace(/[ \t]+/g, ' ')
      .trim()
    return `${field.slice(0, colon).trim().toLowerCase()}:${value}`
  }
  const unsigned = relaxed(signature).replace(/(\bb=)[^;]*/, '$1')
  const data = `${chosen.map((field) => `${relaxed(field)}\r\n`).join('')}${unsigned}`
  const holds = createVerify('sha256')
    .update(data, 'latin1')
    .verify(publicKey, tags.get('b') ?? '', 'base64')
  assert.ok(holds, 'the signature holds')
  return tags
}
