// Certificates for tests: just enough of X.509 (RFC 5280) to be trusted by TLS, and to be refused for a reason.

import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** A certificate with its key. */
export interface Certificate {
  readonly name: string
  readonly privateKey: KeyObject
  /** PEM. */
  readonly key: string
  /** PEM. */
  readonly cert: string
}

/** What a certificate says. */
export interface CertificateOptions {
  readonly name: string
  readonly dnsNames?: readonly string[]
  readonly addresses?: readonly string[]
  /** Who signs it. Default: itself, and it may sign others. */
  readonly issuer?: Certificate
  /** Default: an hour ago. */
  readonly from?: Date
  /** Default: in a day. */
  readonly until?: Date
}

const HOUR_MS = 3_600_000

export function makeCertificate(options: CertificateOptions): Certificate {
  const { name, issuer, from = new Date(Date.now() - HOUR_MS), until = new Date(Date.now() + 24 * HOUR_MS) } = options
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signer = issuer?.privateKey ?? pair.privateKey
  const algorithm = sequence(oid('1.2.840.113549.1.1.11'), der(0x05))
  const alternatives = [
    ...(options.dnsNames ?? []).map((dns) => der(0x82, Buffer.from(dns))),
    ...(options.addresses ?? []).map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
  ]
  const extensions = [
    extension('2.5.29.19', issuer ? sequence() : sequence(der(0x01, Buffer.from([0xff])))),
    ...(alternatives.length > 0 ? [extension('2.5.29.17', sequence(...alternatives))] : []),
  ]
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    named(issuer?.name ?? name),
    sequence(time(from), time(until)),
    named(name),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, signer)]))
  const lines =
    sequence(body, algorithm, signature)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return {
    name,
    privateKey: createPrivateKey(key),
    key,
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

const sequence = (...items: readonly Buffer[]) => der(0x30, ...items)

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const groups = [part & 0x7f]
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return der(0x06, Buffer.from(bytes))
}

/** A name that is a common name alone. */
const named = (name: string) => sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(name)))))

const time = (at: Date) => der(0x18, Buffer.from(`${at.toISOString().replace(/\D/g, '').slice(0, 14)}Z`))

const extension = (id: string, value: Buffer) => sequence(oid(id), der(0x04, value))
