/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a mutating request that is sent again with the same key is carried out once.
 *
 *   first time        claim (advisory lock + look-up) in the same flush as the handler's first statement → handler → keep the answer, in the
 *                     same commit
 *   sent again later  the claim finds the answer: it is sent again, with `Idempotent-Replayed: true`
 *   sent twice now    the second one gets 409 idempotency_in_progress with Retry-After: from this process's own list when both are here, from
 *                     the lock when the first one runs elsewhere
 *   another request   the fingerprint (method, path with query, body) differs: 422 idempotency_key_reused
 *   the handler fails the transaction is rolled back, and with it the claim: nothing is kept, and the request may be sent again with the same
 *                     key. A refusal that the request will always meet (422) is met again; one that passes (409, 503) may pass.
 *
 * Advisory locks are released after the commit is visible, but a statement's snapshot can be older than its lock. Then the claim sees no row
 * though one exists, the handler runs, and the primary key refuses the second row: the transaction is rolled back and the request starts
 * over, which finds the answer. So the key, not the lock, is what promises "once"; the lock spares the work.
 *
 * The handler begins before the claim is known, but it sees no result before: its first statement and the claim are one round trip, and a claim that
 * fails rolls that statement back. When the flush fails, or the handler ends without a statement, nothing is known of the claim: then the request
 * starts over and asks first.
 *
 * A key belongs to who used it (the API key or user) in one tenant. Answers are kept 24 hours, and those that hold a secret are encrypted.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import { type Database, isUniqueViolation, type Tx } from '@stoa/db'
import { type Clock, type Ctx, errors, isError, type Logger, StoaError, systemCtx } from '@stoa/kernel'
import {
  type Claim,
  claimKey,
  forgetKey,
  gateKey,
  type KeptAnswer,
  keepAnswer,
  sweepKeys,
} from './idempotency-store.ts'
import { canonical } from './pagination.ts'
import type { Answer } from './staged-reply.ts'

/** How long an answer is kept, in milliseconds: 24 hours. */
export const KEPT_MS = 24 * 60 * 60 * 1000
/** How often old answers are swept, in milliseconds. */
const SWEEP_INTERVAL_MS = 60_000
const SWEEP_BATCH = 1000
const REPEATED_HEADERS = ['content-type', 'etag', 'location'] as const
/** 1–255 visible ASCII characters. */
const KEY = /^[\x21-\x7e]{1,255}$/

/** What {@link Idempotency} stands on. */
export interface IdempotencyDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Logger
  /** 32 bytes: encrypts the answers that hold a secret. */
  readonly secret: Buffer
}

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

/**
 * Reads the header.
 *
 * @throws StoaError `invalid_request` when it is not 1–255 visible ASCII characters
 */
export function idempotencyKeyOf(header: string | string[]): string {
  if (typeof header === 'string' && KEY.test(header)) return header
  throw new StoaError(errors.invalid_request, { message: 'Idempotency-Key is not 1–255 visible ASCII characters.' })
}

/** Carries requests with a key out once. */
export class Idempotency implements AsyncDisposable {
  readonly #deps: IdempotencyDeps
  readonly #running = new Set<string>()
  readonly #stop = new AbortController()
  readonly #sweeping: Promise<void>

  constructor(deps: IdempotencyDeps) {
    this.#deps = deps
    this.#sweeping = this.#sweepForever()
  }

  /**
   * Runs `perform` in a transaction, or gives the answer that was kept.
   *
   * @throws StoaError `idempotency_in_progress`, `idempotency_key_reused`, or whatever `perform` throws
   */
  async run(ctx: Ctx, request: KeyedRequest, perform: () => Promise<Answer>): Promise<Answer> {
    const scope = `${ctx.actor.type}:${ctx.actor.id}`
    const name = `${ctx.tenant.id} ${scope} ${request.key}`
    if (this.#running.has(name)) throw inProgress()
    this.#running.add(name)
    try {
      return (
        (await this.#performAhead(ctx, scope, request, perform)) ?? (await this.#askFirst(ctx, scope, request, perform))
      )
    } catch (error) {
      if (!isUniqueViolation(error, 'idempotency_keys_pkey')) throw error
      return await this.#askFirst(ctx, scope, request, perform)
    } finally {
      this.#running.delete(name)
    }
  }

  /** Claims the key along with the first statement of `perform`; null when that left the claim unknown, and nothing was done. */
  async #performAhead(
    ctx: Ctx,
    scope: string,
    request: KeyedRequest,
    perform: () => Promise<Answer>,
  ): Promise<Answer | null> {
    const asked: { claim: Claim | null; kept: Answer | null } = { claim: null, kept: null }
    try {
      return await this.#deps.db.transaction(ctx, async (tx) => {
        asked.claim = null
        const fingerprint = fingerprintOf(request)
        gateKey(tx, ctx.tenant.id, scope, request.key, (claim) => {
          asked.claim = claim
          asked.kept = this.#judge(tx, scope, request, fingerprint, claim)
          if (asked.kept) throw new Error('this request was answered before')
        })
        const answer = await perform()
        if (!asked.claim) throw new Error('nothing was asked of the database')
        this.#keep(tx, scope, request, fingerprint, answer)
        return answer
      })
    } catch (error) {
      if (asked.kept) return asked.kept
      if (asked.claim || isError(error, errors.unavailable)) throw error
      return null
    }
  }

  #askFirst(ctx: Ctx, scope: string, request: KeyedRequest, perform: () => Promise<Answer>): Promise<Answer> {
    return this.#deps.db.transaction(ctx, async (tx) => {
      const fingerprint = fingerprintOf(request)
      const claim = await claimKey(tx, ctx.tenant.id, scope, request.key)
      const kept = this.#judge(tx, scope, request, fingerprint, claim)
      if (kept) return kept
      const answer = await perform()
      this.#keep(tx, scope, request, fingerprint, answer)
      return answer
    })
  }

  /** The answer that was kept; null when the key is ours, and free. @throws StoaError when it is neither */
  #judge(tx: Tx, scope: string, request: KeyedRequest, fingerprint: Buffer, claim: Claim): Answer | null {
    if (!claim.claimed) throw inProgress()
    if (!isKept(claim)) return null
    if (claim.createdAt.getTime() > this.#deps.clock.now() - KEPT_MS)
      return this.#replay(claim, fingerprint, name(request, scope))
    forgetKey(tx, tx.tenantId as string, scope, request.key)
    return null
  }

  #keep(tx: Tx, scope: string, request: KeyedRequest, fingerprint: Buffer, answer: Answer): void {
    const kept = this.#kept(answer, request, fingerprint, name(request, scope))
    keepAnswer(tx, tx.tenantId as string, scope, request.key, kept)
  }

  #kept(answer: Answer, request: KeyedRequest, fingerprint: Buffer, aad: string): KeptAnswer {
    const plain = answer.body === null ? null : Buffer.from(answer.body)
    return {
      fingerprint,
      status: answer.status,
      headers: Object.fromEntries(
        REPEATED_HEADERS.flatMap((header) => {
          const value = answer.headers[header]
          return value === undefined ? [] : [[header, value]]
        }),
      ),
      body: plain && request.secret ? seal(this.#deps.secret, plain, aad) : plain,
      sealed: plain !== null && request.secret,
      createdAt: new Date(this.#deps.clock.now()),
    }
  }

  #replay(found: KeptAnswer, fingerprint: Buffer, aad: string): Answer {
    if (!fingerprint.equals(found.fingerprint)) throw new StoaError(errors.idempotency_key_reused)
    const { status, headers, sealed } = found
    const body = found.body && sealed ? unseal(this.#deps.secret, found.body, aad) : found.body
    return { status, headers, body, replayed: true }
  }

  /** Forgets the answers of all tenants that are older than 24 hours. Gives how many. */
  async sweep(): Promise<number> {
    const { db, clock, log } = this.#deps
    const before = new Date(clock.now() - KEPT_MS)
    let swept = 0
    for (let batch = SWEEP_BATCH; batch === SWEEP_BATCH && !this.#stop.signal.aborted; swept += batch) {
      batch = await db.system(systemCtx({ log, clock }, 'idempotency sweep'), (tx) =>
        sweepKeys(tx, before, SWEEP_BATCH),
      )
    }
    return swept
  }

  async #sweepForever(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#deps.clock.sleep(SWEEP_INTERVAL_MS, signal)
        await this.sweep()
      } catch (err) {
        if (!signal.aborted) this.#deps.log.warn({ err }, 'old idempotency keys were not swept')
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#sweeping
  }
}

function inProgress(): StoaError {
  return new StoaError(errors.idempotency_in_progress, { retryAfterSeconds: 1 })
}

function name(request: KeyedRequest, scope: string): string {
  return `${scope} ${request.key}`
}

function isKept(found: { readonly createdAt: Date | null }): found is KeptAnswer {
  return found.createdAt !== null
}

function fingerprintOf({ method, url, body }: KeyedRequest): Buffer {
  return hash('sha256', `${method} ${url}\n${body === undefined ? '' : canonical(body)}`, 'buffer')
}

const IV_BYTES = 12
const TAG_BYTES = 16

function seal(secret: Buffer, plain: Buffer, aad: string): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', secret, iv).setAAD(Buffer.from(aad))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed])
}

function unseal(secret: Buffer, sealed: Buffer, aad: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(0, IV_BYTES)).setAAD(Buffer.from(aad))
  decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
}
