/*
 * How long it is known what became of jobs. Every finished job carries the day on which it goes, and the days are
 * partitions: made before the first job needs them, dropped as a whole when they are over.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, type Repeating, repeat } from '@stoa/kernel'
import { attachDay, defaultTrimmed, dropDay, finishedDays } from './finished-store.ts'
import type { Lane } from './lanes.ts'

const DAY_MS = 86_400_000
const CHILD_KEEP_DAYS = 7
/** Partitions are made for so many days of finishing ahead. */
const DAYS_AHEAD = 2
const EVERY_MS = 6 * 3_600_000
const DELETED_AT_ONCE = 5_000

/**
 * The day after the last one on which a job is kept: `2026-11-28`; null when it is not kept. A child is kept for a week
 * at least, for its parent to see.
 *
 * @param at when it finished, in milliseconds
 */
export function dropDayOf(at: number, keepDays: number, isChild = false): string | null {
  const days = isChild ? Math.max(keepDays, CHILD_KEEP_DAYS) : keepDays
  return days === 0 ? null : dayOf(at + (days + 1) * DAY_MS)
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

/** Makes partitions and drops them, now and every six hours, until disposed. */
export function keepFinished(db: Database, ctx: BaseCtx, lanes: ReadonlyMap<string, Lane>): Repeating {
  return repeat(() => keepDays(db, ctx, lanes), {
    clock: ctx.clock,
    firstMs: 0,
    everyMs: EVERY_MS,
    onError: (err) =>
      ctx.log.error({ err }, 'queue: finished jobs could not be kept in order, the next run tries again'),
  })
}

/**
 * Makes the partitions of the days that the lanes' policies name, and drops the days that are over. What others did before,
 * or do not let happen now, is no failure: there is a default partition, and the next run tries again.
 */
async function keepDays(db: Database, ctx: BaseCtx, lanes: ReadonlyMap<string, Lane>): Promise<void> {
  const now = ctx.clock.now()
  const today = dayOf(now)
  await db.admin(async (session) => {
    const existing = new Set(await finishedDays(session))
    for (const day of daysNeeded(now, lanes)) {
      if (!existing.has(day)) await attachDay(session, day)
    }
    for (const day of existing) {
      if (day <= today) await dropDay(session, day)
    }
    while ((await defaultTrimmed(session, today, DELETED_AT_ONCE)) === DELETED_AT_ONCE);
  })
}

function daysNeeded(now: number, lanes: ReadonlyMap<string, Lane>): ReadonlySet<string> {
  const policies = new Set([CHILD_KEEP_DAYS])
  for (const { keepDays: days, keepDeadDays } of lanes.values()) policies.add(days).add(keepDeadDays)
  const days = new Set<string>()
  for (const policy of policies) {
    for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) {
      const day = dropDayOf(now + ahead * DAY_MS, policy)
      if (day !== null) days.add(day)
    }
  }
  return days
}
