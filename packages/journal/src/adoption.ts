/*
 * A journal that was restored into another cluster.
 *
 * The order of the journal is that of its transactions' numbers, and those are the cluster's. A dump brings events with
 * the numbers of the cluster where it was made. Where the new cluster is behind them, readers wait for transactions
 * that it has yet to begin, and new events come before old ones. So a program must not start on such a journal; it is
 * adopted first: everything gets numbers that lie behind this cluster's present, in the same order, and durable readers
 * stay where they stood.
 *
 * Numbers are few in a new cluster and events many, so transactions share one as long as ids alone tell their order.
 * Where that is not enough, the cluster is made to give out some more.
 *
 * Rejected: pg_resetwal, which sets the cluster's number forward and with it those of every database in it, by hand and
 * offline; one number for all events, in the order of their ids, which moves readers' places to where some of them have
 * read and some have not.
 */
import type { AdminSession, Database } from '@stoa/db'
import { StoaError } from '@stoa/kernel'
import {
  applyAdoption,
  heldReaders,
  type Numbers,
  planAdoption,
  spendNumbers,
  transactionNumbers,
} from './adoption-store.ts'
import { journalErrors } from './errors.ts'

/** How far the journal is ahead of its cluster. */
export interface JournalAhead {
  /** The highest transaction number of an event or a reader, decimal. */
  readonly highest: string
  /** The number that the cluster has not reached, decimal. */
  readonly next: string
}

/** What {@link adoptJournal} did. */
export interface Adoption {
  /** Transactions that came from elsewhere. */
  readonly transactions: number
}

const ATTEMPTS = 5
const SPARE_NUMBERS = 1_000

/**
 * How far the journal is ahead of the cluster that it is in; null when it is not, as long as nobody restores it into
 * another one.
 */
export async function journalAhead(session: AdminSession): Promise<JournalAhead | null> {
  return aheadOf(await transactionNumbers(session))
}

/**
 * @throws StoaError `journal_from_elsewhere` when the journal was restored into another cluster, and not adopted since
 */
export async function assertOwnJournal(db: Database): Promise<void> {
  const ahead = await db.admin(journalAhead)
  if (ahead) throw new StoaError(journalErrors.journal_from_elsewhere, { context: ahead })
}

/**
 * Takes over a journal that was restored into another cluster: from then on readers go on where they stood. Positions
 * that others keep mean nothing any more. Appends wait meanwhile.
 *
 * @returns null when there was nothing to do
 * @throws StoaError `journal_in_use` when a process reads the journal, `journal_held_up` when an old transaction in the
 * cluster stays open
 */
export async function adoptJournal(db: Database): Promise<Adoption | null> {
  return await db.admin(async (session) => {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const outcome = await attemptAdoption(session)
      if (outcome === null || 'transactions' in outcome) return outcome
      await spendNumbers(session, outcome.missing + SPARE_NUMBERS)
    }
    throw new StoaError(journalErrors.journal_held_up)
  })
}

async function attemptAdoption(session: AdminSession): Promise<Adoption | { readonly missing: number } | null> {
  await session.exec(`begin;
select pg_advisory_xact_lock(hashtextextended('stoa.events', 0));
lock table stoa.events, stoa.journal_readers in access exclusive mode`)
  try {
    const numbers = await transactionNumbers(session)
    if (aheadOf(numbers) === null) return await undo(session, null)
    const readers = await heldReaders(session)
    if (readers.length > 0) throw new StoaError(journalErrors.journal_in_use, { context: { readers } })
    const { count, highest } = await planAdoption(session, numbers.next)
    const missing = highest + 1 - Number(numbers.horizon)
    if (missing > 0) return await undo(session, { missing })
    await applyAdoption(session)
    await session.exec('commit')
    return { transactions: count }
  } catch (error) {
    await session.exec('rollback').catch(() => undefined)
    throw error
  }
}

async function undo<T>(session: AdminSession, outcome: T): Promise<T> {
  await session.exec('rollback')
  return outcome
}

function aheadOf({ highest, next }: Numbers): JournalAhead | null {
  return highest !== null && BigInt(highest) >= BigInt(next) ? { highest, next } : null
}
