/* Leases that ran out: what becomes of their jobs. Every worker looks for them with its sign of life. */
import type { Tx } from '@stoa/db'
import type { BaseCtx, Ctx } from '@stoa/kernel'
import { JobCtx, type JobTenants } from './job-ctx.ts'
import { plannedByIndex } from './job-store.ts'
import { EXTERNAL_LANE } from './lanes.ts'
import { leasedReturned, leasesExpired, type ReleasedRow } from './lease-store.ts'
import { type VerdictDeps, writeVerdict } from './leases.ts'
import { type Verdict, verdictAfter, WORKER_LOST } from './verdict.ts'
import type { RescuedRow } from './worker-store.ts'

/** What the rescue needs. */
export interface LeaseRescueDeps extends VerdictDeps {
  readonly ctx: BaseCtx
  readonly tenants: JobTenants
}

const AT_ONCE = 500

/**
 * Ends leases that ran out. A job whose holder was silent runs again; one that took too long has failed; one that was to
 * be cancelled is.
 *
 * @returns the jobs, in the lane that they wait in
 */
export async function endLeases(deps: LeaseRescueDeps, tx: Tx, maxRescues: number): Promise<readonly RescuedRow[]> {
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
  return returned.map(({ id, kind, rescues, tenantId }) => {
    return { tenantId, id, kind, lane: EXTERNAL_LANE, rescues: rescues + 1 }
  })
}

/** Null: it runs again, and nothing is said of it. */
function verdictOn(row: ReleasedRow, maxRescues: number, now: number): Verdict | null {
  const { cancelRequested, endsAt, failures, outOfTime, policy, rescues, startedAt } = row
  if (cancelRequested) {
    return { kind: 'cancelled', failure: { reason: 'cancelled', message: 'It was cancelled while it ran.' } }
  }
  if (outOfTime) {
    const message = `it took longer than ${endsAt.getTime() - startedAt.getTime()} ms`
    return verdictAfter({ reason: 'timeout', message }, null, policy, failures, now)
  }
  return rescues >= maxRescues ? { kind: 'dead', failure: WORKER_LOST } : null
}

function neverAborted(): AbortSignal {
  return new AbortController().signal
}
