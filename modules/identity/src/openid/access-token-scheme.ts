/*
 * The guard's side of access tokens. The first sight of a token costs the check of its signature; later ones a digest and a
 * look-up, because what was checked is remembered by the digest for as long as it holds.
 *
 *   token ─ remembered? ─ no ──▶ check (access-token.ts) ─▶ remember ─┐
 *              │ yes: taken back, or over? ─▶ 401                      │
 *              └────────────────────────────────▶ the proof, if it is bound to a key ─▶ what may they now? ─▶ principal
 *
 * What somebody may do is looked up each time: the roles of a person bound it, the scopes of the token narrow it, and the
 * lesser wins.
 */
import { hash } from 'node:crypto'
import type { Database } from '@stoa/db'
import type { AuthScheme, Credentials, Principal } from '@stoa/http'
import { type BaseCtx, errors, hasPermission, type ResourceGrants, StoaError, tenantCtx } from '@stoa/kernel'
import { LRUCache } from 'lru-cache'
import type { AccessToken, AccessTokens } from './access-token.ts'
import { checkProof, noProof } from './dpop-proof.ts'
import { OidcRecords } from './oidc-records.ts'
import { isOfProgram, type Rights, type RightsOf, rightsBehind } from './token-rights.ts'

/** What the scheme stands on. */
export interface AccessTokenSchemeDeps {
  readonly db: Database
  /** Of the system. */
  readonly ctx: BaseCtx
  readonly tokens: AccessTokens
  readonly recordKey: Buffer
  /** What tokens for the API have to be for. */
  apiResource(): string
  /** Where the world reaches this program, without a slash at the end. */
  publicUrl(): string
  readonly rightsOf: RightsOf
}

interface Known {
  readonly token: AccessToken
  principal: Principal | null
  /** By which rights the principal was made. */
  rights: Rights | null
}

const MAX_TOKENS = 10_000
/** What proofs that were shown are kept for: as long as they would be good, either way. */
const PROOF_SECONDS = 130

/** Knows callers by the access tokens of this installation. */
export class AccessTokenScheme implements AuthScheme {
  readonly name = 'accessToken'
  readonly challenge = 'DPoP algs="ES256 EdDSA"'
  readonly openapi = {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token of the organisation’s OpenID provider (RFC 9068); `DPoP` when it is bound to a key.',
  }
  readonly #deps: AccessTokenSchemeDeps
  readonly #known = new LRUCache<string, Known>({ max: MAX_TOKENS })

  constructor(deps: AccessTokenSchemeDeps) {
    this.#deps = deps
  }

  authenticate(credentials: Credentials): Principal | null | Promise<Principal | null> {
    const shown = shownToken(credentials.headers.authorization)
    if (shown === null) return null
    const digest = hash('sha256', shown.token, 'base64url')
    const known = this.#known.get(digest)
    if (known === undefined) return this.#meet(shown, digest, credentials)
    if (!this.#deps.tokens.holds(known.token)) {
      this.#known.delete(digest)
      throw new StoaError(errors.unauthenticated)
    }
    return this.#prove(known, shown, credentials)
  }

  #meet(shown: Shown, digest: string, credentials: Credentials): Principal | Promise<Principal> {
    const checked = this.#deps.tokens.check(shown.token)
    const admit = (token: AccessToken): Principal | Promise<Principal> => {
      if (token.aud !== this.#deps.apiResource()) throw new StoaError(errors.unauthenticated)
      const known: Known = { token, principal: null, rights: null }
      this.#known.set(digest, known)
      return this.#prove(known, shown, credentials)
    }
    return checked instanceof Promise ? checked.then(admit) : admit(checked)
  }

  #prove(known: Known, shown: Shown, credentials: Credentials): Principal | Promise<Principal> {
    const { jkt, tenant } = known.token
    // A token that is bound to a key is worth nothing without it, and one that is not proves nothing by saying it is.
    if ((jkt !== null) !== shown.bound) throw noProof()
    if (jkt === null || credentials.again) return this.#principal(known)
    const { method, url } = credentials
    const proof = credentials.headers.dpop
    if (typeof proof !== 'string' || method === undefined || url === undefined) throw noProof()
    const { ctx, db, publicUrl, recordKey } = this.#deps
    const subject = { method, url: publicUrl() + url, token: shown.token, jkt, nowMs: ctx.clock.now() }
    const { jti } = checkProof(proof, subject)
    const records = new OidcRecords('ReplayDetection', tenantCtx(ctx, tenant), { db, key: recordKey })
    return records.add(`${jkt} ${jti}`, { iss: jkt } as never, PROOF_SECONDS).then((first) => {
      if (!first) throw noProof()
      return this.#principal(known)
    })
  }

  #principal(known: Known): Principal | Promise<Principal> {
    if (isOfProgram(known.token)) {
      known.principal ??= programOf(known.token)
      return known.principal
    }
    const rights = rightsBehind(known.token, this.#deps.rightsOf)
    return rights instanceof Promise ? rights.then((late) => personOf(known, late)) : personOf(known, rights)
  }
}

interface Shown {
  readonly token: string
  readonly bound: boolean
}

/** The token of a request, if it may be one of ours; anything else is another scheme's. */
function shownToken(header: string | undefined): Shown | null {
  if (header === undefined) return null
  const space = header.indexOf(' ')
  const scheme = header.slice(0, space).toLowerCase()
  if (scheme !== 'bearer' && scheme !== 'dpop') return null
  const token = header.slice(space + 1).trim()
  // `{"` in base64url: the head of a JSON Web Token.
  return token.startsWith('eyJ') || scheme === 'dpop' ? { token, bound: scheme === 'dpop' } : null
}

function programOf({ clientId, expiresAtMs, scopes, tenant }: AccessToken): Principal {
  return Object.freeze({
    actor: Object.freeze({ type: 'client', id: clientId }),
    ...{ tenant, permissions: new Set(scopes), limitKey: `client:${clientId}`, expiresAtMs },
  })
}

function personOf(known: Known, rights: Rights | null): Principal {
  if (rights === null) throw new StoaError(errors.unauthenticated)
  if (known.principal !== null && known.rights === rights) return known.principal
  const { expiresAtMs, scopes, sub, tenant } = known.token
  known.rights = rights
  known.principal = Object.freeze({
    actor: Object.freeze({ type: 'person', id: sub }),
    ...{ tenant, limitKey: `person:${tenant.id}:${sub}`, expiresAtMs },
    permissions: narrowed(rights.permissions, scopes),
    ...proofOf(known.token),
    ...(rights.grants && { grants: narrowedGrants(rights.grants, scopes) }),
    ...(rights.rightsEndAtMs !== undefined && { rightsEndAtMs: rights.rightsEndAtMs }),
  })
  return known.principal
}

function proofOf({ payload, sid }: AccessToken): Pick<Principal, 'proof'> {
  const { auth_time: seconds } = payload
  return sid !== null && typeof seconds === 'number' ? { proof: { sessionId: sid, atMs: seconds * 1_000 } } : {}
}

/** What both allow: wildcards may be on either side. */
function narrowed(permissions: ReadonlySet<string>, scopes: readonly string[]): ReadonlySet<string> {
  const own = { permissions }
  const asked = { permissions: new Set(scopes) }
  return new Set([
    ...scopes.filter((scope) => hasPermission(own, scope)),
    ...[...permissions].filter((permission) => hasPermission(asked, permission)),
  ])
}

function narrowedGrants(grants: ResourceGrants, scopes: readonly string[]): ResourceGrants {
  return new Map([...grants].map(([resource, permissions]) => [resource, narrowed(permissions, scopes)]))
}
