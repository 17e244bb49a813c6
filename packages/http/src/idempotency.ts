/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a mutating request that is sent again with the same key
 * is carried out once.
 *
 *   first time        claim (advisory lock + look-up) → handler → keep the answer, in the same commit; a handler that waits for no result
 *                     costs one round trip with all of this
 *   sent again later  the key is not free: the kept answer is sent again, with `Idempotent-Replayed: true`
 *   sent twice now    the second one gets 409 idempotency_in_progress with Retry-After: from this process's own list when both are here, from
 *                     the lock when the first one runs elsewhere
 *   another request   the fingerprint (method, path with query, body) differs: 422 idempotency_key_reused
 *   the handler fails the transaction is rolled back, and with it the claim: nothing is kept, and the request may be sent again with the same
 *                     key. A refusal that the request will always meet (422) is met again; one that passes (409, 503) may pass.
 *
 * Advisory locks are released after the commit is visible, but a statement's snapshot can be older than its lock. Then
 * the claim sees no row though one exists, the handler runs, and the primary key refuses the second row: the
 * transaction is rolled back and the request starts over, which finds the answer. So the key, not the lock, is what
 * promises "once"; the lock spares the work.
 *
 * The handler begins before the claim is known, but it sees no result before: the claim leaves in front of its first
 * statement, and where the key is not free it raises an error in the database, which undoes all that left with it.
 * Then, and when the handler refuses before anything is known of the key, the request starts over and asks first.
 *
 * A key belongs to who used it (the API key or user) in one tenant. Answers are kept 24 hours, and those that hold a
 * secret are encrypted.
 */
import { type Database, isUniqueViolation } from '@stoa/db'
import {
  type Clock,
  type Ctx,
  errors,
  isError,
  type Logger,
  type Repeating,
  repeat,
  StoaError,
  systemCtx,
} from '@stoa/kernel'
import { isKeyTaken, sweepKeys } from './idempotency-store.ts'
import { inProgress, KEPT_MS, type KeyedRequest, KeySlot } from './key-slot.ts'
import type { Answer } from './staged-reply.ts'

/** How often old answers are swept, in milliseconds. */
const SWEEP_INTERVAL_MS = 60_000
const SWEEP_BATCH = 1000
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
  readonly #sweeping: Repeating

  constructor(deps: IdempotencyDeps) {
    this.#deps = deps
    const { clock, log } = deps
    const onError = (err: unknown) => log.warn({ err }, 'old idempotency keys were not swept')
    this.#sweeping = repeat((signal) => this.sweep(signal), { clock, everyMs: SWEEP_INTERVAL_MS, onError })
  }

  /**
   * Runs `perform` in a transaction, or gives the answer that was kept.
   *
   * @throws StoaError `idempotency_in_progress`, `idempotency_key_reused`, or whatever `perform` throws
   */
  async run(ctx: Ctx, request: KeyedRequest, perform: () => Promise<Answer>): Promise<Answer> {
    const slot = new KeySlot(ctx, request, this.#deps)
    if (this.#running.has(slot.name)) throw inProgress()
    this.#running.add(slot.name)
    try {
      return (await this.#performAhead(ctx, slot, perform)) ?? (await this.#claimFirst(ctx, slot, perform))
    } catch (error) {
      if (!isUniqueViolation(error, 'idempotency_keys_pkey')) throw error
      return await this.#claimFirst(ctx, slot, perform)
    } finally {
      this.#running.delete(slot.name)
    }
  }

  /**
   * Claims along with what `perform` sends; null when the key was not free or is not known to be, and nothing was done.
   */
  async #performAhead(ctx: Ctx, slot: KeySlot, perform: () => Promise<Answer>): Promise<Answer | null> {
    let claimed = false
    try {
      return await this.#deps.db.transaction(ctx, async (tx) => {
        claimed = false
        slot.claimAlong(tx, () => {
          claimed = true
        })
        const answer = await perform()
        slot.keep(tx, answer)
        return answer
      })
    } catch (error) {
      if (!isKeyTaken(error) && (claimed || isError(error, errors.unavailable))) throw error
      return null
    }
  }

  #claimFirst(ctx: Ctx, slot: KeySlot, perform: () => Promise<Answer>): Promise<Answer> {
    return this.#deps.db.transaction(ctx, async (tx) => {
      const kept = await slot.claim(tx)
      if (kept) return kept
      const answer = await perform()
      slot.keep(tx, answer)
      return answer
    })
  }

  /** Forgets the answers of all tenants that are older than 24 hours, until the signal aborts. Gives how many. */
  async sweep(signal?: AbortSignal): Promise<number> {
    const { db, clock, log } = this.#deps
    const before = new Date(clock.now() - KEPT_MS)
    let swept = 0
    for (let batch = SWEEP_BATCH; batch === SWEEP_BATCH && !signal?.aborted; swept += batch) {
      batch = await db.system(systemCtx({ log, clock }, 'idempotency sweep'), (tx) =>
        sweepKeys(tx, before, SWEEP_BATCH),
      )
    }
    return swept
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweeping[Symbol.asyncDispose]()
  }
}
