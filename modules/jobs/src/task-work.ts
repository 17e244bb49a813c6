/*
 * What workers outside of the program do with tasks, over HTTP: claim, heartbeat, complete, fail. The queue holds a
 * claimed task by a lease (`queue.leases`); here is who may, how many may wait, and that nobody waits when the process
 * stops.
 */
import type { Database } from '@stoa/db'
import { type Ctx, requirePermission, StoaError } from '@stoa/kernel'
import type { Columns } from '@stoa/module'
import type { Held, LeasedJob, LeaseFailure, LeaseState } from '@stoa/queue'
import { realtimeErrors } from '@stoa/realtime'
import type { Task } from './contract.ts'
import type { ExternalKinds } from './external-kinds.ts'
import { taskOf } from './task.ts'

/** What the verbs stand on. */
export interface TaskWorkDeps {
  readonly db: Database
  readonly queue: Pick<Columns['queue'], 'leases' | 'operations'>
  readonly kinds: ExternalKinds
}

/** How many may wait in a process. */
export interface TaskWorkLimits {
  readonly maxWaitingClaims: number
  readonly maxWaitingClaimsPerTenant: number
}

/** What a worker asks for. */
export interface TaskClaim {
  /** Default: all that are declared. */
  readonly kinds?: readonly string[]
  /** Default 1. */
  readonly limit?: number
  /** Default 0. */
  readonly waitSeconds?: number
  /** The same again gives the same. Default: each claim is another one. */
  readonly claimKey?: string
}

/** The verbs of workers. */
export class TaskWork {
  readonly #deps: TaskWorkDeps
  readonly #limits: TaskWorkLimits
  readonly #closing = new AbortController()
  readonly #byTenant = new Map<string, number>()
  #waiting = 0

  constructor(deps: TaskWorkDeps, limits: TaskWorkLimits) {
    this.#deps = deps
    this.#limits = limits
  }

  /** How many wait for tasks. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Claims tasks, and waits for one when there is none. Nothing is claimed for a caller who has gone away.
   *
   * @throws StoaError `job_kind_unknown`, `too_many_connections`
   */
  async claim(ctx: Ctx, { claimKey, kinds, limit = 1, waitSeconds = 0 }: TaskClaim): Promise<readonly LeasedJob[]> {
    requirePermission(ctx, 'jobs:work')
    const found = await this.#deps.kinds.list(ctx, kinds && [...new Set(kinds)])
    const signals = [this.#closing.signal, ...(ctx.signal ? [ctx.signal] : [])]
    const claim = {
      ...{ kinds: found, limit, waitMs: waitSeconds * 1_000, signal: AbortSignal.any(signals) },
      // Somebody else's claim is another one, whatever he calls it.
      ...(claimKey !== undefined && { key: `${ctx.actor.id} ${claimKey}` }),
    }
    if (waitSeconds === 0) return await this.#deps.queue.leases.claim(ctx, claim)
    this.#enter(ctx.tenant.id)
    try {
      return await this.#deps.queue.leases.claim(ctx, claim)
    } finally {
      this.#leave(ctx.tenant.id)
    }
  }

  /** The worker still works. @throws StoaError `job_not_found`, `job_attempt_stale` */
  async heartbeat(
    ctx: Ctx,
    held: Held,
    progress?: { readonly fraction: number; readonly note: string | null },
  ): Promise<LeaseState> {
    requirePermission(ctx, 'jobs:work')
    return await this.#deps.queue.leases.renew(ctx, held, progress)
  }

  /** @throws StoaError `job_not_found`, `job_attempt_stale`, `job_result_too_large` */
  async complete(ctx: Ctx, held: Held, result: unknown): Promise<void> {
    requirePermission(ctx, 'jobs:work')
    await this.#deps.queue.leases.complete(ctx, held, result)
  }

  /** Gives what became of the task. @throws StoaError `job_not_found`, `job_attempt_stale` */
  async fail(ctx: Ctx, held: Held, failure: LeaseFailure): Promise<Task> {
    requirePermission(ctx, 'jobs:work')
    const { db, queue } = this.#deps
    return await db.transaction(ctx, async () => {
      await queue.leases.fail(ctx, held, failure)
      return taskOf(await queue.operations.job(ctx, held.id))
    })
  }

  /** Sends everybody away who waits, with nothing. */
  drain(): void {
    this.#closing.abort()
  }

  #enter(tenantId: string): void {
    const { maxWaitingClaims, maxWaitingClaimsPerTenant } = this.#limits
    const ofTenant = this.#byTenant.get(tenantId) ?? 0
    if (this.#waiting >= maxWaitingClaims || ofTenant >= maxWaitingClaimsPerTenant) {
      throw new StoaError(realtimeErrors.too_many_connections, { retryAfterSeconds: 5 })
    }
    this.#waiting += 1
    this.#byTenant.set(tenantId, ofTenant + 1)
  }

  #leave(tenantId: string): void {
    this.#waiting -= 1
    const left = (this.#byTenant.get(tenantId) ?? 1) - 1
    if (left > 0) this.#byTenant.set(tenantId, left)
    else this.#byTenant.delete(tenantId)
  }
}
