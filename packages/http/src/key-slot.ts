import { hash } from 'node:crypto'
import type { Tx } from '@stoa/db'
import { type Clock, type Ctx, errors, StoaError, seal, unseal } from '@stoa/kernel'
import { type Claim, claimFreeKey, claimKey, forgetKey, type KeptAnswer, keepAnswer } from './idempotency-store.ts'
import { canonical } from './pagination.ts'
import type { Answer } from './staged-reply.ts'

/** How long an answer is kept, in milliseconds: 24 hours. */
export const KEPT_MS = 24 * 60 * 60 * 1000
const REPEATED_HEADERS = ['content-type', 'etag', 'location'] as const

/** A mutating request with a key. */
export interface KeyedRequest {
  readonly key: string
  readonly method: string
  /** Path with query, as it was sent. */
  readonly url: string
  readonly body: unknown
  /** The answer holds a secret. */
  readonly secret: boolean
}

/** The place where the answer to a request with a key is kept. A key belongs to who used it, in one tenant. */
export class KeySlot {
  /** Tells it from every other one of the installation. */
  readonly name: string
  readonly #request: KeyedRequest
  readonly #scope: string
  readonly #tenantId: string
  readonly #fingerprint: Buffer
  readonly #deps: { readonly clock: Clock; readonly secret: Buffer }

  constructor(ctx: Ctx, request: KeyedRequest, deps: { readonly clock: Clock; readonly secret: Buffer }) {
    this.#request = request
    this.#deps = deps
    this.#tenantId = ctx.tenant.id
    this.#scope = `${ctx.actor.type}:${ctx.actor.id}`
    this.#fingerprint = fingerprintOf(request)
    this.name = `${this.#tenantId} ${this.#scope} ${request.key}`
  }

  /**
   * Claims it until the end of the transaction. @returns what was kept there @throws StoaError
   * `idempotency_in_progress` or `idempotency_key_reused`
   */
  async claim(tx: Tx): Promise<Answer | null> {
    return this.#read(tx, await claimKey(tx, this.#tenantId, this.#scope, this.#request.key))
  }

  /**
   * Claims it along with the next statement or the commit; the transaction fails (`isKeyTaken`) when it is not free.
   */
  claimAlong(tx: Tx, claimed: () => void): void {
    claimFreeKey(tx, this.#tenantId, this.#scope, this.#request.key, claimed)
  }

  /**
   * What a claim says: the answer that was kept, or null when the place is ours and free.
   *
   * @throws StoaError `idempotency_in_progress` or `idempotency_key_reused`
   */
  #read(tx: Tx, claim: Claim): Answer | null {
    if (!claim.claimed) throw inProgress()
    if (!isKept(claim)) return null
    if (claim.createdAt.getTime() > this.#deps.clock.now() - KEPT_MS) return this.#replay(claim)
    forgetKey(tx, this.#tenantId, this.#scope, this.#request.key)
    return null
  }

  /** Keeps an answer there, with the commit. */
  keep(tx: Tx, answer: Answer): void {
    const plain = answer.body === null ? null : Buffer.from(answer.body)
    const sealed = plain !== null && this.#request.secret
    const repeated = REPEATED_HEADERS.flatMap((header) => {
      const value = answer.headers[header]
      return value === undefined ? [] : [[header, value]]
    })
    keepAnswer(tx, this.#tenantId, this.#scope, this.#request.key, {
      fingerprint: this.#fingerprint,
      status: answer.status,
      headers: Object.fromEntries(repeated),
      body: sealed ? seal(this.#deps.secret, plain, this.#place) : plain,
      sealed,
      createdAt: new Date(this.#deps.clock.now()),
    })
  }

  #replay({ body, fingerprint, headers, sealed, status }: KeptAnswer): Answer {
    if (!this.#fingerprint.equals(fingerprint)) throw new StoaError(errors.idempotency_key_reused)
    const plain = body && sealed ? unseal(this.#deps.secret, body, this.#place) : body
    return { status, headers, body: plain, replayed: true }
  }

  get #place(): string {
    return `${this.#scope} ${this.#request.key}`
  }
}

/** The refusal of a request whose first sending is still being answered. */
export function inProgress(): StoaError {
  return new StoaError(errors.idempotency_in_progress, { retryAfterSeconds: 1 })
}

function isKept(claim: { readonly createdAt: Date | null }): claim is KeptAnswer & Claim {
  return claim.createdAt !== null
}

function fingerprintOf({ body, method, url }: KeyedRequest): Buffer {
  return hash('sha256', `${method} ${url}\n${body === undefined ? '' : canonical(body)}`, 'buffer')
}
