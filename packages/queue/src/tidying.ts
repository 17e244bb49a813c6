/*
 * The table of jobs turns over faster than autovacuum looks (once a minute by default, and never on PGlite, which has
 * none): at 50,000 jobs a second it would hold three million dead rows by then. So whoever ends many jobs vacuums it.
 * That is cheap as long as it is done often: the table is as small as the work of the last second.
 */
import type { Database } from '@stoa/db'
import { type BaseCtx, type Repeating, repeat, systemClock } from '@stoa/kernel'
import { tableVacuumed } from './job-store.ts'

const EVERY_MS = 250
/** So many ended jobs are worth it. */
const WORTH_IT = 50_000

/** Vacuums the table of jobs after many have ended, until disposed. @param ended how many have, so far */
export function keepTidy(db: Database, ctx: BaseCtx, ended: () => number): Repeating {
  let tidied = ended()
  const tidy = async () => {
    const now = ended()
    if (now - tidied < WORTH_IT) return
    tidied = now
    await db.admin(tableVacuumed)
  }
  const onError = (err: unknown) => ctx.log.warn({ err }, 'queue: the table of jobs could not be vacuumed')
  return repeat(tidy, { clock: systemClock, everyMs: EVERY_MS, onError })
}
