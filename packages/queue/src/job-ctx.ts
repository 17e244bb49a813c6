/* The context that a job was enqueued in, restored: the same tenant, actor, permissions and grants, request and trace. */
import { type Database, tenantById } from '@stoa/db'
import type { Actor, BaseCtx, Clock, Ctx, Logger, ResourceGrants, Tenant } from '@stoa/kernel'
import type { ClaimedRow } from './job-store.ts'

type JobRow = Pick<ClaimedRow, 'id' | 'kind' | 'attempt' | 'origin'>

/** A job's context. Logger and signal are made when somebody asks, because a job may be over in a microsecond. */
export class JobCtx implements Ctx {
  readonly tenant: Tenant
  readonly actor: Actor
  readonly permissions: ReadonlySet<string>
  readonly grants: ResourceGrants | undefined
  readonly traceId: string | null
  readonly requestId: string
  readonly clock: Clock
  readonly #base: BaseCtx
  readonly #row: JobRow
  readonly #signal: () => AbortSignal
  #log: Logger | null = null

  constructor(base: BaseCtx, tenant: Tenant, row: JobRow, signal: () => AbortSignal) {
    const { actor, grants, permissions, requestId, traceId } = row.origin
    this.tenant = tenant
    this.actor = actor as Actor
    this.permissions = new Set(permissions)
    this.grants = grants && restored(grants)
    this.traceId = traceId
    this.requestId = requestId
    this.clock = base.clock
    this.#base = base
    this.#row = row
    this.#signal = signal
  }

  get log(): Logger {
    const { attempt, id, kind } = this.#row
    const { requestId, tenant } = this
    this.#log ??= this.#base.log.child({ requestId, tenant: tenant.slug, job: kind, jobId: id, attempt })
    return this.#log
  }

  get signal(): AbortSignal {
    return this.#signal()
  }
}

function restored(grants: NonNullable<JobRow['origin']['grants']>): ResourceGrants {
  return new Map(Object.entries(grants).map(([resource, permissions]) => [resource, new Set(permissions)]))
}

/** For so long a tenant is believed to be what it was. */
const FRESH_MS = 60_000
const MAX_TENANTS = 10_000

/** The tenants of jobs, looked up once a minute. */
export class JobTenants {
  readonly #db: Database
  readonly #ctx: BaseCtx
  readonly #known = new Map<string, { readonly tenant: Tenant; readonly until: number }>()

  constructor(db: Database, ctx: BaseCtx) {
    this.#db = db
    this.#ctx = ctx
  }

  /** The tenant if it is known already, without waiting. */
  known(id: string): Tenant | null {
    const entry = this.#known.get(id)
    return entry && entry.until > performance.now() ? entry.tenant : null
  }

  /** Null when there is no such tenant. */
  async find(id: string): Promise<Tenant | null> {
    const record = await tenantById(this.#db, this.#ctx, id)
    if (!record) return null
    if (this.#known.size >= MAX_TENANTS) this.#known.clear()
    const { schema, slug } = record
    const tenant = Object.freeze({ id, slug, schema })
    this.#known.set(id, { tenant, until: performance.now() + FRESH_MS })
    return tenant
  }
}
