/*
 * Checking the access tokens of this installation (RFC 9068), by keys in memory. What a token says is believed in this
 * order, and nothing of it before:
 *
 *   its form and its type → its key, which says whose token it may be, and by which algorithm → the signature
 *   → issuer, audience, tenant → time (60 s either way) → not taken back
 *
 * The algorithm is the key's: what the header says has to be the same (RFC 8725 §3.1). Keys come from our table alone;
 * a key in the header (`jwk`, `jku`, `x5c`) is never looked at.
 */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import type { Database } from '@stoa/db'
import { type BaseCtx, errors, StoaError, type Tenant } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'
import { type SigningAlgorithm, signingKeyById } from './signing-key-store.ts'
import type { TokenDenials } from './token-denials.ts'

/** What tokens stand on. */
export interface AccessTokensDeps {
  readonly db: Database
  /** Of the system. */
  readonly ctx: BaseCtx
  readonly denials: TokenDenials
  /** Whether the issuer of a tenant is, or may have been, called so. */
  isIssuerOf(tenant: Tenant, issuer: unknown): boolean
}

/** A token that holds. */
export interface AccessToken {
  readonly tenant: Tenant
  readonly jti: string
  /** A person, or the program itself. */
  readonly sub: string
  readonly clientId: string
  /** The session that it was given out for; null: it has none, or outlives it. */
  readonly sid: string | null
  /** A name of the grant that it was given out for; null: none. */
  readonly grant: string | null
  readonly aud: string
  readonly scopes: readonly string[]
  /** The thumbprint of the key that has to be shown with it; null: none. */
  readonly jkt: string | null
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  readonly payload: Readonly<Record<string, unknown>>
}

interface KnownKey {
  readonly alg: SigningAlgorithm
  readonly key: KeyObject
  readonly tenant: Tenant
  readonly untilMs: number
}

/** How far clocks may differ. */
const SKEW_MS = 60_000
/** How long a key is believed without asking again, and how long an id of none is. */
const KEY_TTL_MS = 300_000
const NO_KEY_TTL_MS = 5_000
const MAX_KEYS = 5_000
const MAX_CHECKED = 2_000
const MAX_TOKEN_LENGTH = 8_192
const KID = /^[A-Za-z0-9_-]{8,64}$/

/** Checks access tokens. */
export class AccessTokens {
  readonly #deps: AccessTokensDeps
  readonly #keys = new LRUCache<string, KnownKey>({ max: MAX_KEYS })
  readonly #unknown = new LRUCache<string, number>({ max: MAX_KEYS })
  readonly #asking = new Map<string, Promise<KnownKey | null>>()
  readonly #checked = new LRUCache<string, AccessToken>({ max: MAX_CHECKED })

  constructor(deps: AccessTokensDeps) {
    this.#deps = deps
  }

  /**
   * A token that holds, for anybody.
   *
   * @throws StoaError `unauthenticated`
   */
  check(token: string): AccessToken | Promise<AccessToken> {
    const parts = partsOf(token)
    const key = this.#keyOf(parts.kid)
    return key instanceof Promise ? key.then((late) => this.#judge(parts, late)) : this.#judge(parts, key)
  }

  /** As {@link check}, for who asks for the same tokens again and again: what held is remembered for as long as it does. */
  checkAgain(token: string): AccessToken | Promise<AccessToken> {
    const digest = hash('sha256', token, 'base64url')
    const known = this.#checked.get(digest)
    if (known !== undefined && this.holds(known)) return known
    const remember = (checked: AccessToken): AccessToken => {
      this.#checked.set(digest, checked)
      return checked
    }
    const checked = this.check(token)
    return checked instanceof Promise ? checked.then(remember) : remember(checked)
  }

  /** Whether a token that held still does. */
  holds(token: AccessToken): boolean {
    const { ctx, denials } = this.#deps
    return token.expiresAtMs + SKEW_MS > ctx.clock.now() && !denials.isDenied(token) && this.#isOurs(token)
  }

  /** Forgets the keys of a tenant. */
  forgetKeys(tenantId: string): void {
    this.#unknown.clear()
    for (const [kid, { tenant }] of this.#keys.entries()) if (tenant.id === tenantId) this.#keys.delete(kid)
  }

  #keyOf(kid: string): KnownKey | null | Promise<KnownKey | null> {
    const now = this.#deps.ctx.clock.now()
    const known = this.#keys.get(kid)
    if (known !== undefined && known.untilMs > now) return known
    if ((this.#unknown.get(kid) ?? 0) > now) return null
    let asking = this.#asking.get(kid)
    if (asking === undefined) {
      asking = this.#load(kid).finally(() => this.#asking.delete(kid))
      this.#asking.set(kid, asking)
    }
    return asking
  }

  async #load(kid: string): Promise<KnownKey | null> {
    const { ctx, db } = this.#deps
    const now = ctx.clock.now()
    const row = await db.systemRead(ctx, (tx) => signingKeyById(tx, kid, new Date(now)))
    if (row === undefined) {
      this.#unknown.set(kid, now + NO_KEY_TTL_MS)
      return null
    }
    const { alg, publicJwk, retiresAt, schema, slug, tenantId } = row
    const known: KnownKey = {
      alg,
      key: createPublicKey({ key: publicJwk as never, format: 'jwk' }),
      tenant: Object.freeze({ id: tenantId, slug, schema }),
      untilMs: Math.min(now + KEY_TTL_MS, retiresAt?.getTime() ?? Number.POSITIVE_INFINITY),
    }
    this.#keys.set(kid, known)
    return known
  }

  /** A host that the tenant has lost, or does not use any more, is no name of its issuer. */
  #isOurs({ payload, tenant }: AccessToken): boolean {
    return this.#deps.isIssuerOf(tenant, payload.iss)
  }

  #judge({ alg, payload, signature, signed }: TokenParts, known: KnownKey | null): AccessToken {
    if (known === null || known.alg !== alg) throw refused()
    const key = { key: known.key, dsaEncoding: 'ieee-p1363' } as const
    if (!verify(alg === 'ES256' ? 'sha256' : null, Buffer.from(signed), key, signature)) throw refused()
    const token = tokenOf(payload(), known.tenant)
    if (token === null || !this.#isOurs(token)) throw refused()
    const now = this.#deps.ctx.clock.now()
    const { nbf } = token.payload
    if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1_000 <= now + SKEW_MS)) throw refused()
    if (token.issuedAtMs > now + SKEW_MS) throw refused()
    if (token.expiresAtMs + SKEW_MS <= now) throw refused('This token has expired.')
    if (this.#deps.denials.isDenied(token)) throw refused('This token was taken back.')
    return token
  }
}

interface TokenParts {
  readonly alg: SigningAlgorithm
  readonly kid: string
  readonly signed: string
  readonly signature: Buffer
  payload(): unknown
}

/** @throws StoaError `unauthenticated` when it has not the form of one of ours */
function partsOf(token: string): TokenParts {
  if (token.length > MAX_TOKEN_LENGTH) throw refused()
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first <= 0 || second < 0 || token.indexOf('.', second + 1) >= 0) throw refused()
  const header = jsonOf(token.slice(0, first))
  if (header === null) throw refused()
  const { alg, crit, kid, typ } = header
  const isType = typeof typ === 'string' && /^(application\/)?at\+jwt$/i.test(typ)
  if (!isType || crit !== undefined || (alg !== 'ES256' && alg !== 'EdDSA')) throw refused()
  if (typeof kid !== 'string' || !KID.test(kid)) throw refused()
  return {
    alg,
    kid,
    signed: token.slice(0, second),
    signature: Buffer.from(token.slice(second + 1), 'base64url'),
    payload: () => jsonOf(token.slice(first + 1, second)),
  }
}

function jsonOf(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as never) : null
  } catch {
    return null
  }
}

function tokenOf(value: unknown, tenant: Tenant): AccessToken | null {
  if (typeof value !== 'object' || value === null) return null
  const payload = value as Record<string, unknown>
  const { aud, client_id: clientId, cnf, exp, grant, iat, jti, scope, sid, sub } = payload
  const texts = [aud, clientId, jti, sub].every((text) => typeof text === 'string' && text !== '')
  if (!texts || typeof exp !== 'number' || typeof iat !== 'number' || payload.tenant !== tenant.id) return null
  if (![sid, grant].every((text) => text === undefined || typeof text === 'string')) return null
  const jkt = jktOf(cnf)
  if (jkt === undefined) return null
  return {
    ...{ tenant, jti: jti as string, sub: sub as string, clientId: clientId as string, aud: aud as string },
    sid: (sid as string | undefined) ?? null,
    grant: (grant as string | undefined) ?? null,
    scopes: typeof scope === 'string' ? scope.split(' ') : [],
    jkt,
    issuedAtMs: iat * 1_000,
    expiresAtMs: exp * 1_000,
    payload,
  }
}

/** What it is bound to; null: nothing; undefined: something that is not understood, and so cannot be checked. */
function jktOf(cnf: unknown): string | null | undefined {
  if (cnf === undefined) return null
  const { jkt } = (cnf ?? {}) as { jkt?: unknown }
  return typeof jkt === 'string' && Object.keys(cnf as object).length === 1 ? jkt : undefined
}

function refused(message?: string): StoaError {
  return new StoaError(errors.unauthenticated, message === undefined ? {} : { message })
}
