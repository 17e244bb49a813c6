/*
 * The proof that whoever shows a token holds the key that it is bound to (RFC 9449 §4.3): a signature over the method,
 * the address and the token, made just now, and shown once.
 */
import { createPublicKey, hash, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { errors, StoaError } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'

/** What a proof has to be for. */
export interface ProofSubject {
  readonly method: string
  /** The address of the request from outside; its query does not matter. */
  readonly url: string
  readonly token: string
  readonly jkt: string
  readonly nowMs: number
}

/** A proof that is good, if it was not shown before. */
export interface DpopProof {
  /** Of the proof, unique for its key. */
  readonly jti: string
}

const SKEW_MS = 60_000
const MAX_LENGTH = 4_096
const MAX_JTI_LENGTH = 256
const keys = new LRUCache<string, KeyObject>({ max: 1_000 })

/** @throws StoaError `unauthenticated` when it is not one, or of something else */
export function checkProof(proof: string, { jkt, method, nowMs, token, url }: ProofSubject): DpopProof {
  const [head = '', body = '', signature = '', more] = proof.length > MAX_LENGTH ? [] : proof.split('.')
  const header = jsonOf(head)
  const claims = jsonOf(body)
  if (more !== undefined || header === null || claims === null) throw bad()
  const { alg, crit, jwk, typ } = header
  if (typ !== 'dpop+jwt' || crit !== undefined || typeof jwk !== 'object' || jwk === null) throw bad()
  const form = formOf(jwk as JsonWebKey, alg)
  if (form === null || hash('sha256', form, 'base64url') !== jkt) throw bad()
  const key = { key: keyOf(form), dsaEncoding: 'ieee-p1363' } as const
  const signed = Buffer.from(`${head}.${body}`)
  if (!verify(alg === 'ES256' ? 'sha256' : null, signed, key, Buffer.from(signature, 'base64url'))) throw bad()
  const { ath, htm, htu, iat, jti } = claims
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) throw bad()
  if (typeof iat !== 'number' || Math.abs(nowMs - iat * 1_000) > SKEW_MS) throw bad()
  if (htm !== method || typeof htu !== 'string' || placeOf(htu) !== placeOf(url)) throw bad()
  if (ath !== hash('sha256', token, 'base64url')) throw bad()
  return { jti }
}

/** The members that make the thumbprint (RFC 7638), in their order; null for a key that is none of those we take. */
function formOf({ crv, d, kty, x, y }: JsonWebKey, alg: unknown): string | null {
  if (d !== undefined || typeof x !== 'string') return null
  if (alg === 'ES256' && kty === 'EC' && crv === 'P-256' && typeof y === 'string') {
    return JSON.stringify({ crv, kty, x, y })
  }
  const edwards = (alg === 'EdDSA' || alg === 'Ed25519') && kty === 'OKP' && crv === 'Ed25519'
  return edwards ? JSON.stringify({ crv, kty, x }) : null
}

function keyOf(form: string): KeyObject {
  const known = keys.get(form)
  if (known) return known
  try {
    const key = createPublicKey({ key: JSON.parse(form) as never, format: 'jwk' })
    keys.set(form, key)
    return key
  } catch {
    throw bad()
  }
}

function placeOf(url: string): string | null {
  if (!URL.canParse(url)) return null
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

function jsonOf(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as never) : null
  } catch {
    return null
  }
}

function bad(): StoaError {
  return new StoaError(errors.unauthenticated, {
    message: 'The DPoP proof is missing, or it is not one for this request.',
  })
}

/** The refusal of who shows no proof. */
export const noProof = bad
