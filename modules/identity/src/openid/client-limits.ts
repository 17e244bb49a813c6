/*
 * How often programs may ask the endpoints that are theirs (tokens, introspection, revocation, userinfo …). The programs of
 * one server all come from its address, so it is the client that is limited, once it has proven who it is; the address has
 * a bucket that is meant for all of them together (see room.ts).
 *
 *   proven         the bucket of the client. It is taken from when the answer is made, because only then it is known who
 *                  asks; who has emptied it is refused from the next request on, before anything is done
 *   not proven     the bucket of the address, which is as strict as anybody's without credentials: clients that have no
 *                  secret take from it before anything is done; what turns out to be nobody's is answered by a refusal
 *                  once it is empty. Who has a secret is not held up by those who guess at the same address
 */
import type { IncomingMessage } from 'node:http'
import type { RateLimit } from '@stoa/http'
import type { Clock } from '@stoa/kernel'
import { callerOf, type Limiter, type Policy, retryAfterSeconds } from '@stoa/limiter'
import { LRUCache } from 'lru-cache'
import type { errors, KoaContextWithOIDC } from 'oidc-provider'
import { libraryErrors } from './oidc-library.ts'

/** The endpoints of programs, below an issuer, by the name of their route. */
const ENDPOINTS = new Map([
  ['token', 'token'],
  ['introspection', 'token/introspection'],
  ['revocation', 'token/revocation'],
  ['pushed_authorization_request', 'par'],
  ['device_authorization', 'device/authorization'],
  ['userinfo', 'userinfo'],
])
const PATHS = new Set(ENDPOINTS.values())
const UNPROVEN = { capacity: 120, refillPerSecond: 20 }
/** A node may take this part of a client's bucket in advance where the buckets are elsewhere. */
const LEASED_PART = 1 / 60
const MAX_HELD = 10_000

/** Whether a path below an issuer is an endpoint of programs. @param path without a slash in front */
export function isProgramPath(path: string): boolean {
  return PATHS.has(path)
}

/** What the limits stand on. */
export interface ClientLimitsDeps {
  readonly limiter: Limiter
  readonly clock: Clock
  /** Of each client that has proven who it is. */
  readonly limit: RateLimit
  /** Where a request comes from. */
  ipOf(request: IncomingMessage): string
}

/** What is known of a client by its name. */
export interface NamedClient {
  readonly tenantId: string
  readonly id: string
  /** It can prove who it is. */
  readonly isConfidential: boolean
}

/** Counts the requests of programs. */
export class ClientLimits {
  readonly #deps: ClientLimitsDeps
  readonly #proven: Policy
  readonly #unproven: Policy
  /** Until when clients are held up. */
  readonly #held = new LRUCache<string, number>({ max: MAX_HELD })

  constructor(deps: ClientLimitsDeps) {
    this.#deps = deps
    const { limit, limiter } = deps
    this.#proven = limiter.policy('identity.client', {
      ...limit,
      leaseTokens: Math.floor(limit.capacity * LEASED_PART),
    })
    this.#unproven = limiter.policy('identity.client.address', UNPROVEN)
  }

  /** A request names a client, whether or not it is of that. @throws what {@link slowDown} makes */
  async named(koa: KoaContextWithOIDC, client: NamedClient): Promise<void> {
    const { route } = koa.oidc
    if (!ENDPOINTS.has(route)) return
    const heldMs = (this.#held.get(keyOf(client.tenantId, client.id)) ?? 0) - this.#deps.clock.now()
    if (heldMs > 0) throw slowDown(koa, Math.ceil(heldMs / 1_000))
    if (client.isConfidential || route === 'userinfo') return
    const answer = await this.#unproven.take(callerOf(this.#deps.ipOf(koa.req)))
    if (!answer.allowed) throw slowDown(koa, retryAfterSeconds(answer))
  }

  /** Stands before the endpoints of a tenant. */
  of(tenantId: string) {
    return async (koa: KoaContextWithOIDC, next: () => Promise<unknown>): Promise<void> => {
      await next()
      const { client, route } = koa.oidc ?? {}
      if (route === undefined || !ENDPOINTS.has(route) || koa.status === 429) return
      if (client === undefined || koa.status === 401) await this.#refused(koa)
      else if (client.clientAuthMethod !== 'none' || route === 'userinfo')
        await this.#answered(tenantId, client.clientId)
    }
  }

  async #refused(koa: KoaContextWithOIDC): Promise<void> {
    const answer = await this.#unproven.take(callerOf(this.#deps.ipOf(koa.req)))
    if (answer.allowed) return
    const { error, error_description } = slowDown(koa, retryAfterSeconds(answer))
    koa.status = 429
    koa.remove('www-authenticate')
    koa.body = { error, error_description }
  }

  async #answered(tenantId: string, clientId: string): Promise<void> {
    const key = keyOf(tenantId, clientId)
    const answer = await this.#proven.take(key)
    if (!answer.allowed) this.#held.set(key, this.#deps.clock.now() + answer.retryAfterMs)
  }
}

function keyOf(tenantId: string, clientId: string): string {
  return `${tenantId} ${clientId}`
}

/** Somebody has asked too often. */
function slowDown(koa: KoaContextWithOIDC, seconds: number | null): errors.OIDCProviderError {
  koa.set('retry-after', String(seconds ?? 1))
  const { CustomOIDCProviderError } = libraryErrors()
  return Object.assign(new CustomOIDCProviderError('slow_down', 'too many requests'), { status: 429, statusCode: 429 })
}
