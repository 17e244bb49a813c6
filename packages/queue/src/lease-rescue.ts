/* Leases that ran out: what becomes of their jobs. Every worker looks for them with its sign of life. */
import type { Tx } from '@stoa/db'
import type { BaseCtx, Ctx } from '@stoa/kernel'
import { JobCtx, type JobTenants } from './job-ctx.ts'
import { plannedByIndex } from './job-store.ts'
import { EXTERNAL_LANE } from './lanes.ts'
import { leasedReturned, leasesExpired, type ReleasedRow } from './lease-store.ts'
import { type VerdictDeps, writeVerdict } from './leases.ts'
import { CANCELLED_WHILE_IT_RAN, type Verdict, verdictAfter, WORKER_LOST } from './verdict.ts'
import type { RescuedRow } from './worker-store.ts'

/** What the rescue needs. */
export interface LeaseRescueDeps extends VerdictDeps {
  readonly ctx: BaseCtx
  readonly tenants: JobTenants
}

/** What became of leases that ran out. */
export interface EndedLeases {
  readonly rescued: readonly RescuedRow[]
  readonly hasMore: boolean
}

const AT_ONCE = 500

/**
 * Ends leases that ran out. A job whose holder was silent runs again; one that took too long has failed; one that was to
 * be cancelled is.
 *
 * @returns the jobs that wait again, in their lane; and whether there may be more
 */
export async function endLeases(deps: LeaseRescueDeps, tx: Tx, maxRescues: number): Promise<EndedLeases> {
  const { ctx, tenants } = deps
  tx.later(plannedByIndex('on'))
  const rows = await tx.many(leasesExpired(AT_ONCE))
  const returned: ReleasedRow[] = []
  for (const row of rows) {
    const verdict = verdictOn(row, maxRescues, ctx.clock.now())
    const tenant = verdict && (await tenants.find(row.tenantId))
    if (verdict && tenant) writeVerdict(deps, new JobCtx(ctx, tenant, row, neverAborted) as Ctx, tx, row, verdict)
    else returned.push(row)
  }
  if (returned.length > 0) {
    const ids = returned.map(({ id }) => id)
    const attempts = returned.map(({ attempt }) => attempt)
    await tx.run(
      leasedReturned(
        returned.map(({ tenantId }) => tenantId),
        ids,
        attempts,
      ),
    )
  }
  const rescued = returned.map(({ id, kind, rescues, tenantId }) => {
    return { tenantId, id, kind, lane: EXTERNAL_LANE, rescues: rescues + 1 }
  })
  return { rescued, hasMore: rows.length === AT_ONCE }
}

/** Null: it runs again, and nothing is said of it. */
function verdictOn(row: ReleasedRow, maxRescues: number, now: number): Verdict | null {
  const { cancelRequested, endsAt, failures, outOfTime, policy, rescues, startedAt } = row
  if (cancelRequested) return CANCELLED_WHILE_IT_RAN
  if (outOfTime) {
    const message = `it took longer than ${endsAt.getTime() - startedAt.getTime()} ms`
    return verdictAfter({ reason: 'timeout', message }, null, policy, failures, now)
  }
  return rescues >= maxRescues ? { kind: 'dead', failure: WORKER_LOST } : null
}

function neverAborted(): AbortSignal {
  return new AbortController().signal
}
