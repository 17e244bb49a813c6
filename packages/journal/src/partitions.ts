/*
 * The events of a month lie in a partition of their own, made two months ahead, so that a month can be dropped as a
 * whole. There is always a default partition: an append never fails for want of a month. Events that fell into it stay
 * there (moving them could hide them from a reader that is just looking), their month gets no partition any more, and
 * they are deleted by the row when they are old.
 *
 * Retention never drops what a durable reader has not read. A reader that nobody runs any more holds it back, and the
 * report names it.
 */
import type { AdminSession, Database } from '@stoa/db'
import type { BaseCtx } from '@stoa/kernel'
import { type Month, monthOf, monthOfPartition } from './month.ts'
import {
  attachMonth,
  defaultTrimmed,
  dropPartition,
  monthInDefault,
  partitionNames,
  readersBefore,
} from './partition-store.ts'

/** What {@link ensurePartitions} did. */
export interface PartitionReport {
  /** Made now. */
  readonly created: readonly string[]
  /** Not made because events of the month are in the default partition. */
  readonly inDefault: readonly string[]
  /** Not made because the table was in use; the next run tries again. */
  readonly postponed: readonly string[]
}

/** What {@link retain} did. */
export interface RetentionReport {
  /** Partitions dropped. */
  readonly dropped: readonly string[]
  /** Partitions that a reader has not finished, with the readers' names. */
  readonly held: readonly { readonly partition: string; readonly readers: readonly string[] }[]
  /** Partitions in use; the next run tries again. */
  readonly postponed: readonly string[]
  /** Events deleted from the default partition. */
  readonly deleted: number
}

const MONTHS_AHEAD = 2
const DELETED_AT_ONCE = 5_000

/** Makes the partitions of this month and the two after it, as far as they are missing. */
export async function ensurePartitions(db: Database, ctx: BaseCtx): Promise<PartitionReport> {
  return await db.admin(async (session) => {
    const report = { created: [] as string[], inDefault: [] as string[], postponed: [] as string[] }
    const existing = new Set(await partitionNames(session))
    for (let offset = 0; offset <= MONTHS_AHEAD; offset++) {
      const month = monthOf(ctx.clock.now(), offset)
      if (existing.has(month.partition)) continue
      const list = await ensureMonth(session, month, offset === 0, ctx)
      report[list].push(month.partition)
      ctx.log.info({ partition: month.partition, outcome: list }, 'journal: a month needed a partition')
    }
    return report
  })
}

async function ensureMonth(
  session: AdminSession,
  month: Month,
  current: boolean,
  ctx: BaseCtx,
): Promise<keyof PartitionReport> {
  if (await monthInDefault(session, month)) return 'inDefault'
  switch (await attachMonth(session, month, current, ctx.signal)) {
    case 'violated':
      return 'inDefault'
    case 'locked':
      return 'postponed'
    default:
      return 'created'
  }
}

/**
 * Drops the months that lie wholly before the last `months` months and the present one.
 *
 * @param months 1–1 200
 */
export async function retain(db: Database, ctx: BaseCtx, months: number): Promise<RetentionReport> {
  if (!Number.isInteger(months) || months < 1 || months > 1_200) throw new RangeError('months must be 1 to 1200')
  const cutoff = monthOf(ctx.clock.now(), -months).start
  return await db.admin(async (session) => {
    const dropped: string[] = []
    const held: { partition: string; readers: string[] }[] = []
    const postponed: string[] = []
    for (const partition of await partitionNames(session)) {
      const month = monthOfPartition(partition)
      if (month === null || month.end > cutoff) continue
      const readers = await readersBefore(session, partition)
      if (readers.length > 0) held.push({ partition, readers })
      else if ((await dropPartition(session, partition, ctx.signal)) === 'locked') postponed.push(partition)
      else dropped.push(partition)
    }
    const deleted = await trimDefault(session, cutoff)
    if (held.length > 0) ctx.log.warn({ held }, 'journal: old events are kept for readers that have not read them')
    return { dropped, held, postponed, deleted }
  })
}

async function trimDefault(session: AdminSession, cutoff: Date): Promise<number> {
  let deleted = 0
  for (;;) {
    const count = await defaultTrimmed(session, cutoff, DELETED_AT_ONCE)
    deleted += count
    if (count < DELETED_AT_ONCE) return deleted
  }
}
