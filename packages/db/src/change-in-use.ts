import { backoffMs, systemClock } from '@stoa/kernel'
import type { AdminSession } from './database.ts'
import { sqlState } from './sql-state.ts'

/** How a change of a table in use ended. */
export type InUseChange =
  | 'done'
  /** What it makes is there already, perhaps by another process. */
  | 'exists'
  /** What it changes is not there, perhaps by another process. */
  | 'missing'
  /** Rows do not fit: those of a new partition lie in the default partition, say. */
  | 'violated'
  /** Others had the table all the time. */
  | 'locked'

const LOCK_TIMEOUT_MS = 300
const ATTEMPTS = 10
const PAUSE_MIN_MS = 50
const PAUSE_MAX_MS = 1_000
const OUTCOMES: Readonly<Record<string, InUseChange>> = {
  '42P07': 'exists',
  '42P01': 'missing',
  '23514': 'violated',
  '55P03': 'locked',
}

/**
 * Changes a table that others use, such as by a partition more or less, in one transaction. It waits for a lock in short
 * attempts, giving way in between: whoever waits for a table holds up everybody who comes later.
 *
 * @param table whose changes go one after the other over all processes: two that make the same table at once meet in the
 * catalogue
 * @param signal ends the attempts
 * @throws DatabaseError when it fails in another way
 */
export async function changeInUse(
  session: AdminSession,
  table: string,
  sql: string,
  signal: AbortSignal | null = null,
): Promise<InUseChange> {
  for (let attempt = 0; ; attempt++) {
    const outcome = await changeOnce(session, table, sql)
    if (outcome !== 'locked' || attempt + 1 === ATTEMPTS || signal?.aborted) return outcome
    await systemClock.sleep(backoffMs(attempt, PAUSE_MIN_MS, PAUSE_MAX_MS), signal).catch(() => undefined)
  }
}

async function changeOnce(session: AdminSession, table: string, sql: string): Promise<InUseChange> {
  try {
    await session.exec(`begin; set local lock_timeout = '${LOCK_TIMEOUT_MS}ms';
select pg_advisory_xact_lock(hashtextextended('${table}', 0));
${sql}\ncommit`)
    return 'done'
  } catch (error) {
    await session.exec('rollback')
    const outcome = OUTCOMES[sqlState(error) ?? '']
    if (outcome === undefined) throw error
    return outcome
  }
}
