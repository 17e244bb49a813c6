import { statement } from '@stoa/db'

/** What a holder gets to know when it takes a reader. */
export interface AcquiredRow {
  /** Grows with every new holder; every later write of this holder is bound to it. */
  readonly fence: number
  readonly positionXid: string
  /** Decimal. */
  readonly positionId: string
}

/** Where a reader stands. */
export interface ReaderRow extends AcquiredRow {
  readonly name: string
  readonly holder: string
  /** Whether the lease runs. */
  readonly held: boolean
  readonly advancedAt: Date
  readonly failures: number
  readonly lastError: string | null
}

// The lease is measured by the database's clock alone: holders on machines whose clocks differ agree about it.
const LEASE_END = "clock_timestamp() + $3 * interval '1 ms'"

/** Whether nobody holds the reader. Asked first because the attempt to take it is a write, even when it fails. */
export const readerFree = statement<[name: string], { free: boolean }>(
  'select not exists (select 1 from stoa.journal_readers where name = $1 and lease_until > clock_timestamp()) as free',
)

/**
 * Takes the reader if nobody holds it, and makes it if it is new: at the horizon, so that what is in flight now belongs
 * to it, or at the start.
 */
export const readerAcquired = statement<[name: string, holder: string, leaseMs: number, fromNow: boolean], AcquiredRow>(
  `insert into stoa.journal_readers as r (name, position_xid, position_id, fence, holder, lease_until, advanced_at)
values ($1, case when $4::boolean then pg_snapshot_xmin(pg_current_snapshot()) else '0'::xid8 end, 0, 1, $2, ${LEASE_END}, clock_timestamp())
on conflict (name) do update
set fence = r.fence + 1, holder = excluded.holder, lease_until = excluded.lease_until
where r.lease_until <= clock_timestamp()
returning fence, position_xid, position_id::text`,
)

/** Keeps the lease, if it is still this holder's. */
export const leaseRenewed = statement<[name: string, fence: number, leaseMs: number], never>(
  `update stoa.journal_readers set lease_until = ${LEASE_END} where name = $1 and fence = $2`,
)

/** Moves the reader on and keeps the lease, if it is still this holder's. */
export const readerAdvanced = statement<[name: string, fence: number, leaseMs: number, xid: string, id: string], never>(
  `update stoa.journal_readers
set lease_until = ${LEASE_END}, position_xid = $4::xid8, position_id = $5::bigint, advanced_at = clock_timestamp(), failures = 0, last_error = null
where name = $1 and fence = $2`,
)

/** Notes that the handler failed, for whoever looks. */
export const readerFailed = statement<[name: string, fence: number, failures: number, error: string], never>(
  'update stoa.journal_readers set failures = $3, last_error = $4 where name = $1 and fence = $2',
)

/** Gives the reader back, so that another holder need not wait for the lease to end. */
export const readerReleased = statement<[name: string, fence: number], never>(
  'update stoa.journal_readers set lease_until = clock_timestamp() where name = $1 and fence = $2',
)

/** Removes a reader that nobody holds. */
export const readerForgotten = statement<[name: string], never>(
  'delete from stoa.journal_readers where name = $1 and lease_until <= clock_timestamp()',
)

/** All readers, by name. */
export const readerList = statement<[], ReaderRow>(
  `select name, fence, position_xid, position_id::text, holder, lease_until > clock_timestamp() as held, advanced_at, failures, last_error
from stoa.journal_readers order by name`,
)
