/*
 * The guard's side of API keys. The cost of a request with a known key is one SHA-256 and one look-up in memory; the
 * database is asked at most once per key and ten seconds.
 *
 *   token ─ not of our form ──────────────────────────────► 401, the database is not asked
 *         ─ remembered, good ─ expired meanwhile? ─► 401 ─► principal
 *         ─ remembered, bad  ───────────────────────────────► 401
 *         ─ unknown ─ this address guessed too often? ─► 429 ─► one query for all that ask now ─► remember
 *
 * Revocation is quick everywhere: a watch of the journal drops the key from memory on each node, within a hint's time;
 * should every hint be lost, memory forgets by itself after TTL_MS. A look-up that was under way while something
 * changed is not remembered.
 */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Database } from '@stoa/db'
import { type BaseCtx, type Clock, errors, StoaError } from '@stoa/kernel'
import { callerOf, type Policy, retryAfterSeconds } from '@stoa/limiter'
import { LRUCache } from 'lru-cache'
import { type ApiKeyLookup, apiKeysByPrefix } from './api-key-store.ts'
import { digestOf, isToken, prefixOf, storedHash, TOKEN_START } from './api-key-token.ts'
import { type ApiKeyUses, USE_RESOLUTION_MS } from './api-key-use.ts'
import { type AuthScheme, bearerToken, type Credentials, type Principal } from './auth.ts'
import { boundedBy, type KeyBounds, type KeyOwner, type KeyOwners } from './key-owners.ts'

/** How long a key is believed without asking again, in milliseconds. */
const TTL_MS = 10_000
/** How long a wrong key is refused without asking again, in milliseconds. */
const NEGATIVE_TTL_MS = 5_000
/** Keys kept in memory, good and bad together. */
const MAX_KEYS = 10_000
/**
 * Wrong keys that one address may present before it is refused unheard, and good ones that are looked up for it at
 * once.
 */
export const GUESSES = { capacity: 100, refillPerSecond: 1 }

/** What the scheme stands on. */
export interface ApiKeySchemeDeps {
  readonly db: Database
  readonly clock: Clock
  /** A context of the system, for the look-up. */
  readonly ctx: BaseCtx
  readonly secret: Buffer
  /** Wrong keys by address, within {@link GUESSES}. */
  readonly guesses: Policy
  readonly uses: ApiKeyUses
  /** null: nobody knows the owners of keys, and keys that have one are refused. */
  readonly owners: () => KeyOwners | null
}

interface Known {
  readonly principal: Principal | null
  /** Why it is refused, when it is. */
  readonly refusal: string | undefined
  readonly expiresAtMs: number
  readonly untilMs: number
  notedAtMs: number
  /** What was left of it within the bounds of its owner, when it was last asked for. */
  bounded: { readonly bounds: KeyBounds; readonly principal: Principal } | null
}

/** Knows callers by their API keys. */
export class ApiKeyScheme implements AuthScheme {
  readonly name = 'apiKey'
  readonly challenge = 'Bearer realm="stoa"'
  readonly openapi = {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'stoa_<16>_<32>',
    description: 'An API key. `X-Api-Key: <key>` does the same.',
  }
  readonly #deps: ApiKeySchemeDeps
  readonly #known = new LRUCache<string, Known>({ max: MAX_KEYS })
  readonly #asking = new Map<string, Promise<Known>>()
  /** Counts what made keys forgotten, so that an answer from before is not remembered. */
  #changes = 0

  constructor(deps: ApiKeySchemeDeps) {
    this.#deps = deps
  }

  authenticate(credentials: Credentials): Principal | null | Promise<Principal | null> {
    const token = tokenOf(credentials.headers)
    if (token === null) return null
    if (!isToken(token)) throw new StoaError(errors.unauthenticated)
    const digest = digestOf(token)
    const known = this.#known.get(digest)
    if (known !== undefined && known.untilMs > this.#deps.clock.now()) return this.#judge(known)
    return this.#ask(token, digest, credentials.ip)
  }

  /** Forgets a key, because it was changed. */
  forget(id: string): void {
    this.#changes += 1
    for (const [digest, known] of this.#known.entries()) {
      if (known.principal?.actor.id === id) this.#known.delete(digest)
    }
  }

  #judge(known: Known): Principal | Promise<Principal> {
    const { principal } = known
    if (principal === null) throw new StoaError(errors.unauthenticated, { message: known.refusal })
    const nowMs = this.#deps.clock.now()
    if (known.expiresAtMs <= nowMs) throw expired()
    if (nowMs - known.notedAtMs >= USE_RESOLUTION_MS) {
      known.notedAtMs = nowMs
      this.#deps.uses.note(principal.tenant.id, principal.actor.id, nowMs)
    }
    return principal.owner === undefined ? principal : this.#bound(known, principal, principal.owner as KeyOwner)
  }

  #bound(known: Known, principal: Principal, owner: KeyOwner): Principal | Promise<Principal> {
    const bounds = this.#deps.owners()?.boundsOf(principal.tenant, owner) ?? null
    return bounds instanceof Promise
      ? bounds.then((late) => within(known, principal, late))
      : within(known, principal, bounds)
  }

  /**
   * Each look-up is paid for before it begins, so that a thousand at once are no more than a hundred; a key that is
   * good is given back.
   */
  async #ask(token: string, digest: string, ip: string): Promise<Principal> {
    const caller = callerOf(ip)
    const asking = `${caller} ${digest}`
    let asked = this.#asking.get(asking)
    if (asked === undefined) {
      asked = this.#guess(token, digest, caller).finally(() => this.#asking.delete(asking))
      this.#asking.set(asking, asked)
    }
    return this.#judge(await asked)
  }

  async #guess(token: string, digest: string, caller: string): Promise<Known> {
    const paid = await this.#deps.guesses.take(caller)
    if (!paid.allowed) {
      throw new StoaError(errors.rate_limited, { retryAfterSeconds: retryAfterSeconds(paid) ?? 1 })
    }
    let wrong = false
    try {
      const known = await this.#lookUp(token, digest)
      wrong = known.principal === null
      return known
    } finally {
      if (!wrong) void paid.refund()
    }
  }

  async #lookUp(token: string, digest: string): Promise<Known> {
    const { db, ctx, clock, secret } = this.#deps
    const changes = this.#changes
    const rows = await db.systemRead(ctx, (tx) => tx.many(apiKeysByPrefix(prefixOf(token))))
    const hash = storedHash(secret, token)
    const row = rows.find((candidate) => candidate.hash.length === hash.length && timingSafeEqual(candidate.hash, hash))
    const known = knownOf(row, clock.now())
    if (changes === this.#changes) this.#known.set(digest, known)
    return known
  }
}

function knownOf(row: ApiKeyLookup | undefined, nowMs: number): Known {
  if (row === undefined || row.revokedAt !== null) {
    const refusal = row === undefined ? undefined : 'This API key was revoked.'
    return { principal: null, refusal, expiresAtMs: 0, untilMs: nowMs + NEGATIVE_TTL_MS, notedAtMs: 0, bounded: null }
  }
  const principal: Principal = Object.freeze({
    actor: Object.freeze({ type: 'apiKey', id: row.id }),
    tenant: Object.freeze({ id: row.tenantId, slug: row.tenantSlug, schema: row.tenantSchema }),
    permissions: new Set(row.scopes),
    limitKey: `key:${row.id}`,
    ...(row.ownerType !== null && row.ownerId !== null && { owner: { type: row.ownerType, id: row.ownerId } }),
    ...(row.expiresAt !== null && { expiresAtMs: row.expiresAt.getTime() }),
  })
  return {
    principal,
    refusal: undefined,
    expiresAtMs: row.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    untilMs: nowMs + TTL_MS,
    notedAtMs: row.lastUsedAt?.getTime() ?? 0,
    bounded: null,
  }
}

function within(known: Known, principal: Principal, bounds: KeyBounds | null): Principal {
  if (bounds === null) throw new StoaError(errors.unauthenticated, { message: 'The owner of this API key is gone.' })
  if (known.bounded?.bounds !== bounds) known.bounded = { bounds, principal: boundedBy(principal, bounds) }
  return known.bounded.principal
}

function expired(): StoaError {
  return new StoaError(errors.unauthenticated, { message: 'This API key has expired.' })
}

/** The key of a request: `X-Api-Key`, or a bearer token that begins like one; any other is not this scheme's. */
function tokenOf(headers: IncomingHttpHeaders): string | null {
  const own = headers['x-api-key']
  if (typeof own === 'string') return own
  const bearer = bearerToken(headers)
  return bearer?.startsWith(TOKEN_START) ? bearer : null
}
