/*
 * Plans: rate limits by name, which the operator gives to tenants. A tenant without a plan has the limits of the
 * configuration. No route leads here: whoever could give themselves another plan would have no limit.
 *
 * What is changed is felt by every process, without a restart:
 *
 *   another plan for a tenant ─▶ event `tenant.plan_changed` in its journal ─▶ every process reads that tenant's row
 *   other limits of a plan    ─▶ hint `plans`, and without the hint a look ─▶ every process reads the plans, which are few
 *
 * Both are reads of what holds now, so it does not matter in which order, or how often, somebody is told. A process that
 * cannot read keeps what it knows. What a process holds of a lease is spent under the old limit first: a 60th of it.
 */
import { type Database, sqlState } from '@stoa/db'
import type { Hints, Journal } from '@stoa/journal'
import { Alarm, type BaseCtx, type Clock, type Ctx, type Logger, systemCtx } from '@stoa/kernel'
import { tenantPlanChanged } from './plan-event.ts'
import {
  type PlanRow,
  planList,
  planRemoved,
  planSet,
  plansInForce,
  tenantPlanCleared,
  tenantPlanForUpdate,
  tenantPlanOf,
  tenantPlanSet,
  tenantPlans,
} from './plan-store.ts'
import type { RateLimit } from './route.ts'

/** What a plan allows. */
export interface PlanLimits {
  /** Of each caller, for all operations without a limit of their own. */
  readonly rateLimit: RateLimit
  /** Of all callers of a tenant together. */
  readonly tenantRateLimit: RateLimit
}

/** A plan. */
export interface Plan extends PlanLimits {
  /** Lower case letters, digits and `-`, beginning with a letter; at most 40. */
  readonly name: string
}

/** What {@link Plans} stand on. */
export interface PlansDeps {
  readonly db: Database
  readonly journal: Journal
  readonly hints: Hints
}

const TOPIC = 'plans'
const NO_SUCH_KEY = '23503'

/** Which plans there are, and who has which. */
export class Plans {
  readonly #deps: PlansDeps

  constructor(deps: PlansDeps) {
    this.#deps = deps
  }

  /** All plans by name, each with the number of tenants that have it. */
  async list(ctx: BaseCtx): Promise<readonly (Plan & { readonly tenants: number })[]> {
    const rows = await this.#deps.db.systemRead(ctx, (tx) => tx.many(planList()))
    return rows.map((row) => ({ ...planOf(row), tenants: row.tenants }))
  }

  /** Makes a plan, or changes what it allows. */
  async set(ctx: BaseCtx, { name, rateLimit, tenantRateLimit }: Plan): Promise<void> {
    const values = [rateLimit.capacity, rateLimit.refillPerSecond] as const
    const ofTenant = [tenantRateLimit.capacity, tenantRateLimit.refillPerSecond] as const
    const query = planSet(name, ...values, ...ofTenant, new Date(ctx.clock.now()))
    await this.#deps.db.system(ctx, (tx) => tx.run(query))
    this.#deps.hints.publish(TOPIC)
  }

  /** Removes a plan that no tenant has. */
  async remove(ctx: BaseCtx, name: string): Promise<'removed' | 'in use' | 'unknown'> {
    try {
      const removed = await this.#deps.db.system(ctx, (tx) => tx.run(planRemoved(name)))
      this.#deps.hints.publish(TOPIC)
      return removed === 0 ? 'unknown' : 'removed'
    } catch (error) {
      if (sqlState(error) === NO_SUCH_KEY) return 'in use'
      throw error
    }
  }

  /** The plan of a tenant; null when it has the limits of the configuration. */
  async of(ctx: Ctx): Promise<string | null> {
    const row = await this.#deps.db.read(ctx, (tx) => tx.maybe(tenantPlanOf(ctx.tenant.id)))
    return row?.plan ?? null
  }

  /**
   * Gives a tenant a plan; null: the limits of the configuration.
   *
   * @returns false when there is no such plan
   */
  async assign(ctx: Ctx, plan: string | null): Promise<boolean> {
    const { db, journal } = this.#deps
    const tenantId = ctx.tenant.id
    try {
      await db.transaction(ctx, async (tx) => {
        const before = (await tx.maybe(tenantPlanForUpdate(tenantId)))?.plan ?? null
        if (before === plan) return
        if (plan === null) await tx.run(tenantPlanCleared(tenantId))
        else await tx.run(tenantPlanSet(tenantId, plan, new Date(ctx.clock.now())))
        journal.append(ctx, tx, tenantPlanChanged.of({ plan, before }, [`tenant:${tenantId}`]))
      })
      return true
    } catch (error) {
      if (sqlState(error) === NO_SUCH_KEY) return false
      throw error
    }
  }
}

/** The plans of these tenants, by their ids; without those that have the limits of the configuration. */
export async function plansOfTenants(
  db: Database,
  ctx: BaseCtx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db.systemRead(ctx, (tx) => tx.many(tenantPlans(ids)))
  return new Map(rows.map(({ plan, tenantId }) => [tenantId, plan]))
}

/** What holds now, as limits ask for it. */
export interface PlanView {
  /** The name of the tenant's plan; undefined when it has none. */
  of(tenantId: string): string | undefined
  /** Tells what the plans allow: now, and whenever that is another. It must be quick and must not throw. */
  follow(listener: (plans: ReadonlyMap<string, PlanLimits>) => void): void
}

/** What {@link followPlans} stands on. */
export interface LivePlansDeps extends PlansDeps {
  readonly log: Logger
  readonly clock: Clock
  /** How long a lost hint may stay unnoticed, in milliseconds. Default 500. */
  readonly pollMs?: number
}

/** The plans as they hold now, about 150 bytes in memory for each tenant that has one. */
export class LivePlans implements PlanView, AsyncDisposable {
  /** Resolves when all that was committed before is known here. */
  readonly ready: Promise<void>
  readonly #deps: LivePlansDeps
  readonly #ctx: BaseCtx
  readonly #listeners = new Set<(plans: ReadonlyMap<string, PlanLimits>) => void>()
  readonly #ofTenant = new Map<string, string>()
  readonly #closing = new AbortController()
  readonly #alarm = new Alarm()
  readonly #hinted: Disposable
  readonly #watch: AsyncDisposable
  readonly #looking: Promise<void>
  #plans: ReadonlyMap<string, PlanLimits> = new Map()
  /** What was read last, to see whether it is another. */
  #read = '[]'

  constructor(deps: LivePlansDeps) {
    const { hints, journal, pollMs = 500 } = deps
    this.#deps = deps
    this.#ctx = systemCtx(deps, 'plans')
    this.#hinted = hints.subscribe(TOPIC, () => this.#alarm.ring())
    const watch = journal.watch({ name: 'plans', pollMs }, async (events) => {
      const changed = events.filter(({ type }) => type === tenantPlanChanged.type).map(({ tenantId }) => tenantId)
      if (changed.length > 0) await this.#readTenants([...new Set(changed)])
    })
    this.#watch = watch
    // The watch first: what is changed while all is read comes to it.
    this.ready = watch.ready.then(async () => {
      await Promise.all([this.#readPlans(), this.#readTenants(null)])
    })
    // Nobody has to wait for it.
    this.ready.catch(() => undefined)
    this.#looking = this.ready.then(
      () => this.#look(pollMs),
      () => undefined,
    )
  }

  of(tenantId: string): string | undefined {
    return this.#ofTenant.get(tenantId)
  }

  follow(listener: (plans: ReadonlyMap<string, PlanLimits>) => void): void {
    this.#listeners.add(listener)
    listener(this.#plans)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#hinted[Symbol.dispose]()
    this.#alarm.ring()
    await this.#watch[Symbol.asyncDispose]()
    await this.#looking
  }

  async #look(pollMs: number): Promise<void> {
    const { clock, log } = this.#deps
    let failing = false
    for (;;) {
      await this.#alarm.wait(clock, pollMs)
      if (this.#closing.signal.aborted) return
      try {
        await this.#readPlans()
        failing = false
      } catch (err) {
        // Once for each time that the database is away: it is looked for twice a second.
        if (!failing) log.warn({ err }, 'the plans could not be read: they stay as they were')
        failing = true
      }
    }
  }

  async #readPlans(): Promise<void> {
    const rows = await this.#deps.db.systemRead(this.#ctx, (tx) => tx.many(plansInForce()))
    const read = JSON.stringify(rows)
    if (read === this.#read) return
    this.#read = read
    this.#plans = new Map(rows.map((row) => [row.name, planOf(row)]))
    for (const listener of this.#listeners) listener(this.#plans)
  }

  async #readTenants(ids: readonly string[] | null): Promise<void> {
    const rows = await this.#deps.db.systemRead(this.#ctx, (tx) => tx.many(tenantPlans(ids)))
    for (const id of ids ?? []) this.#ofTenant.delete(id)
    for (const { plan, tenantId } of rows) this.#ofTenant.set(tenantId, plan)
  }
}

function planOf({ name, callerCapacity, callerRefill, tenantCapacity, tenantRefill }: PlanRow): Plan {
  return {
    name,
    rateLimit: { capacity: callerCapacity, refillPerSecond: callerRefill },
    tenantRateLimit: { capacity: tenantCapacity, refillPerSecond: tenantRefill },
  }
}
